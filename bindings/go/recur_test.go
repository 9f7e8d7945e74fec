package recur

import (
	"math/rand"
	"path/filepath"
	"strings"
	"testing"
)

const (
	symbols = 4 // two marks, and two that mean nothing
	length  = 12
	batch   = 32
)

// draw makes a batch of strings, each with both marks, and which of them stands first.
func draw(random *rand.Rand, packed *Packed) (rows []float32, labels []int32) {
	rows = make([]float32, packed.Rows()*symbols)
	for b := 0; b < batch; b++ {
		first := random.Intn(2)
		early, late := random.Intn(4), 6+random.Intn(4)
		for t := 0; t < length; t++ {
			id := 2 + random.Intn(2)
			if t == early {
				id = first
			} else if t == late {
				id = 1 - first
			}
			rows[packed.Row(b, t)*symbols+id] = 1
		}
		labels = append(labels, int32(first))
	}
	return rows, labels
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func network(t *testing.T) *Layer {
	net := must(Sequential(
		Part{"rnn", must(Recurrent(LSTM, symbols, 8, 1))},
		Part{"last", must(Last(8))},
		Part{"fc", must(Linear(8, 2))},
	))
	if err := net.Init(1); err != nil {
		t.Fatal(err)
	}
	return net
}

func TestANetworkLearnsIsSavedAndOpens(t *testing.T) {
	net := network(t)
	lengths := make([]int64, batch)
	for b := range lengths {
		lengths[b] = length
	}
	packed, tape := must(NewPacked(lengths)), must(NewTape())
	adam := must(Adam(0.02, len(net.Params())))
	grads := make([]float32, len(net.Params()))
	random := rand.New(rand.NewSource(1))
	for update := 0; update < 300; update++ {
		rows, labels := draw(random, packed)
		input := Input{Rows: rows}
		y := must(net.Forward(packed, input, tape))
		_, dy, err := CrossEntropy(y, labels)
		if err != nil {
			t.Fatal(err)
		}
		for i := range grads {
			grads[i] = 0
		}
		if err := net.Backward(packed, input, dy, grads, tape); err != nil {
			t.Fatal(err)
		}
		ClipNorm(grads, 1)
		if err := adam.Step(net.Params(), grads); err != nil {
			t.Fatal(err)
		}
	}
	rows, labels := draw(random, packed)
	y := must(net.Forward(packed, Input{Rows: rows}, nil))
	right := 0
	for b, label := range labels {
		if (y[2*b+1] > y[2*b]) == (label == 1) {
			right++
		}
	}
	if right < batch-1 {
		t.Errorf("%d of %d are right", right, batch)
	}

	path := filepath.Join(t.TempDir(), "net.safetensors")
	if err := net.Save(path); err != nil {
		t.Fatal(err)
	}
	opened := must(Open(path))
	for i, value := range must(opened.Forward(packed, Input{Rows: rows}, nil)) {
		if value != y[i] {
			t.Fatalf("number %d is %g, not %g", i, value, y[i])
		}
	}
}

func TestStepsEqualThePass(t *testing.T) {
	gru := must(Recurrent(GRU, 3, 5, 2))
	if err := gru.Init(7); err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 4*3)
	for i := range x {
		x[i] = float32(i) / 12
	}
	whole := must(gru.Forward(must(NewPacked([]int64{4})), Input{Rows: x}, nil))
	state, y := must(NewState(gru, 1)), make([]float32, 5)
	for step := 0; step < 4; step++ {
		if err := state.Step(x[3*step:3*step+3], y); err != nil {
			t.Fatal(err)
		}
		for i, value := range y {
			if value != whole[5*step+i] {
				t.Fatalf("step %d, unit %d: %g, not %g", step, i, value, whole[5*step+i])
			}
		}
	}
}

func TestFailuresAreSentences(t *testing.T) {
	_, err := Recurrent(GRU, 0, 5, 1)
	if err == nil || !strings.Contains(err.Error(), "input_size") {
		t.Errorf("no inputs: %v", err)
	}
	gru := must(Recurrent(GRU, 3, 5, 1))
	_, err = gru.Forward(must(NewPacked([]int64{2})), Input{Rows: make([]float32, 5)}, nil)
	if err == nil || err.Error() != "Rows has 5 numbers; it must have 6" {
		t.Errorf("too few numbers: %v", err)
	}
	if _, err = Open("/nowhere/net"); err == nil {
		t.Error("a file that is not there opens")
	}
}

func TestSymbolsEqualRowsOfOneHot(t *testing.T) {
	gru, packed := must(Recurrent(GRU, symbols, 5, 1)), must(NewPacked([]int64{3, 1}))
	if err := gru.Init(3); err != nil {
		t.Fatal(err)
	}
	ids, rows := []int32{2, 0, 3, 1}, make([]float32, 4*symbols)
	for row, id := range ids {
		rows[row*symbols+int(id)] = 1
	}
	want := must(gru.Forward(packed, Input{Rows: rows}, nil))
	for i, value := range must(gru.Forward(packed, Input{IDs: ids}, nil)) {
		if d := value - want[i]; d > 1e-6 || d < -1e-6 {
			t.Fatalf("number %d is %g, not %g", i, value, want[i])
		}
	}
}
