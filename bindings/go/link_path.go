//go:build recur_path

package recur

// #cgo LDFLAGS: -lrecur
import "C"
