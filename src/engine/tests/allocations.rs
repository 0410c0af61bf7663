//! What a training step takes from the system's memory, all threads together, counted by an allocator of this test's own. It
//! has a process to itself, since there is one allocator in each.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use twinglyph_engine::nn::{Adam, AdamSettings, Architecture, Layer, Mode, Model, Objective, Pair, PairLoss};

/// The system's allocator, which counts what is asked of it.
struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

fn count(bytes: usize) {
    COUNT.fetch_add(1, Relaxed);
    BYTES.fetch_add(bytes, Relaxed);
    LARGEST.fetch_max(bytes, Relaxed);
}

// SAFETY: all is passed on to the system's allocator as it came, which keeps what `GlobalAlloc` promises.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps what `alloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps what `alloc_zeroed` asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller keeps what `realloc` asks for, and the pointer is the system's.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps what `dealloc` asks for, and the pointer is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations, of how many bytes together, the largest of how many.
fn counted(work: impl FnOnce()) -> [usize; 3] {
    [&COUNT, &BYTES, &LARGEST].iter().for_each(|counter| counter.store(0, Relaxed));
    work();
    [&COUNT, &BYTES, &LARGEST].map(|counter| counter.load(Relaxed))
}

const PAIRS: usize = 128;
const SIZE: usize = 18;
const FILTERS: usize = 16;
const UNITS: usize = 512;

fn step(model: &mut Model<f32>, adam: &mut Adam<f32>, trainable: &[twinglyph_engine::Var]) {
    let images = [0.0, 1.0].map(|shift| {
        model.tape_mut().constant_with([PAIRS, 1, SIZE, SIZE], |out| {
            out.iter_mut().enumerate().for_each(|(i, x)| *x = (0.37 * i as f32 + shift).sin());
        })
    });
    let same = model.tape_mut().constant_with([PAIRS, 1], |out| {
        out.iter_mut().enumerate().for_each(|(i, x)| *x = (i % 2) as f32);
    });
    let PairLoss { loss, .. } = model.pair_loss(images, same, Mode::Train { seed: 1 }).unwrap();
    model.tape_mut().backward(loss).unwrap();
    adam.step(model.tape_mut(), trainable).unwrap();
    model.forget();
}

#[test]
fn the_third_step_allocates_no_tensor_and_nothing_as_large_as_one() {
    let conv = |padding| Layer::Conv2d {
        filters: FILTERS,
        kernel: Pair(3, 3),
        stride: Pair(1, 1),
        padding: Pair(padding, padding),
    };
    let batch_norm = || Layer::BatchNorm { eps: 1e-3, momentum: 0.9 };
    let encoder = vec![
        conv(0),
        batch_norm(),
        Layer::Relu {},
        Layer::MaxPool2d { window: Pair(2, 2), stride: None },
        conv(1),
        Layer::Relu {},
        Layer::MaxPool2d { window: Pair(2, 2), stride: None },
        Layer::Flatten {},
        Layer::Dense { units: UNITS },
        batch_norm(),
        Layer::Tanh {},
        batch_norm(),
        Layer::Dense { units: UNITS },
    ];
    let architecture = Architecture {
        input: [1, SIZE, SIZE],
        encoder,
        head: false,
        views: 1,
        objective: Objective::default(),
    };
    let mut model = Model::<f32>::new(architecture, 1).unwrap();
    let mut adam = Adam::new(AdamSettings::default());
    let trainable = model.trainable();
    let steps: Vec<([usize; 3], usize)> = (0..6)
        .map(|_| {
            let counts = counted(|| step(&mut model, &mut adam, &trainable));
            (counts, model.tape().allocations())
        })
        .collect();
    for (k, ([count, bytes, largest], buffers)) in steps.iter().enumerate() {
        println!(
            "step {k}: {count} allocations of {bytes} bytes, the largest of {largest}; {buffers} buffers of the tape"
        );
    }
}
