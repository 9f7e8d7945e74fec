//! The example: a network learns which of two symbols came first, is saved, opened, and steps.

use recur::{clip_norm, sys, Cell, Input, Layer, Loss, Optimizer, Packed, State, Tape};

const SYMBOLS: i64 = 4; // two marks, and two that mean nothing
const LENGTH: i64 = 12;
const BATCH: usize = 32;

/// A batch of strings, each with both marks, and which of them stands first.
fn draw(seed: u64, packed: &Packed) -> (Vec<i32>, Vec<i32>) {
    let mut drawn = 0;
    let mut below = |n: u64| {
        drawn += 1;
        (unsafe { sys::recur_random(seed, drawn) } % n) as i64
    };
    let (mut ids, mut labels) = (vec![0; packed.rows()], vec![0; BATCH]);
    for b in 0..BATCH {
        for t in 0..LENGTH {
            ids[packed.row(b as i64, t)] = 2 + below(2) as i32;
        }
        let first = below(2) as i32;
        labels[b] = first;
        ids[packed.row(b as i64, below(4))] = first;
        ids[packed.row(b as i64, 6 + below(4))] = 1 - first;
    }
    (ids, labels)
}

fn network() -> recur::Result<Layer> {
    let mut net = Layer::sequential(vec![
        ("rnn", Layer::recurrent(Cell::Lstm, SYMBOLS, 8, 1)?),
        ("last", Layer::last(8)?),
        ("fc", Layer::linear(8, 2)?),
    ])?;
    net.init(1)?;
    Ok(net)
}

fn right(y: &[f32], labels: &[i32]) -> usize {
    labels
        .iter()
        .enumerate()
        .filter(|(b, l)| (y[2 * b + 1] > y[2 * b]) as i32 == **l)
        .count()
}

#[test]
fn a_network_learns_is_saved_and_opens() -> recur::Result<()> {
    let mut net = network()?;
    let packed = Packed::new(&[LENGTH; BATCH])?;
    let (mut tape, mut loss) = (Tape::new()?, Loss::cross_entropy()?);
    let mut adam = Optimizer::adam(0.02, net.params().len())?;
    let mut grads = vec![0.0; net.params().len()];
    for batch in 0..300 {
        let (ids, labels) = draw(1000 + batch, &packed);
        let y = net.record(&packed, Input::Ids(&ids), &mut tape)?;
        let (_, dy) = loss.classes(&y, &labels)?;
        grads.fill(0.0);
        net.backward(&packed, Input::Ids(&ids), &dy, &mut grads, &mut tape)?;
        clip_norm(&mut grads, 1.0);
        adam.step(net.params_mut(), &grads)?;
    }
    let (ids, labels) = draw(1, &packed);
    let y = net.forward_ids(&packed, &ids)?;
    assert!(
        right(&y, &labels) >= BATCH - 1,
        "{} of {BATCH}",
        right(&y, &labels)
    );

    let path = std::env::temp_dir().join(format!("recur-rust-{}", std::process::id()));
    let path = path.to_str().unwrap();
    net.save(path)?;
    let opened = Layer::open(path)?;
    std::fs::remove_file(path).unwrap();
    assert_eq!(opened.params(), net.params());
    assert_eq!(opened.forward_ids(&packed, &ids)?, y);
    Ok(())
}

#[test]
fn steps_equal_the_pass() -> recur::Result<()> {
    let mut gru = Layer::recurrent(Cell::Gru, 3, 5, 2)?;
    gru.init(7)?;
    let x: Vec<f32> = (0..4 * 3).map(|i| i as f32 / 12.0).collect();
    let whole = gru.forward(&Packed::new(&[4])?, &x)?;
    let (mut state, mut y) = (State::new(&gru, 1)?, [0.0; 5]);
    for t in 0..4 {
        state.step(&gru, &x[3 * t..3 * t + 3], &mut y)?;
        assert_eq!(y, whole[5 * t..5 * t + 5]);
    }
    Ok(())
}

#[test]
fn failures_are_sentences() {
    let error = Layer::recurrent(Cell::Gru, 0, 5, 1).unwrap_err();
    assert_eq!(error.code, sys::RECUR_E_ARGUMENT);
    assert!(error.message.contains("input_size"), "{error}");
    let gru = Layer::recurrent(Cell::Gru, 3, 5, 1).unwrap();
    let error = gru
        .forward(&Packed::new(&[2]).unwrap(), &[0.0; 5])
        .unwrap_err();
    assert_eq!(error.message, "x has 5 numbers; it must have 6");
    assert_eq!(
        Layer::open("/nowhere/net").unwrap_err().code,
        sys::RECUR_E_NOT_FOUND
    );
}

/// Sizes and places of the members are those that C programs have compiled into them.
#[test]
fn structs_have_the_layout_of_c() {
    let golden = include_str!("../../../../tests/abi/recur.abi");
    let mut compared = 0;
    for line in golden.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let ours = match words[..] {
            ["struct", "recur_recurrent_options", _] => {
                std::mem::size_of::<sys::recur_recurrent_options>()
            }
            ["struct", "recur_layer_info", _] => std::mem::size_of::<sys::recur_layer_info>(),
            ["struct", "recur_loss_options", _] => std::mem::size_of::<sys::recur_loss_options>(),
            ["struct", "recur_optimizer_options", _] => {
                std::mem::size_of::<sys::recur_optimizer_options>()
            }
            ["struct", "recur_tensor", _] => std::mem::size_of::<sys::recur_tensor>(),
            _ => continue,
        };
        assert_eq!(words[2].parse(), Ok(ours), "{line}");
        compared += 1;
    }
    assert_eq!(compared, 5);
}
