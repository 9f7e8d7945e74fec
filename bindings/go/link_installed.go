//go:build !recur_path

package recur

// #cgo pkg-config: recur
import "C"
