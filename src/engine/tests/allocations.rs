//! What a training step takes from the system's memory, all threads together, counted by an allocator of this test's own. It
//! has a process to itself, since there is one allocator in each.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use twinglyph_engine::nn::{Adam, AdamSettings, Architecture, Layer, Mode, Model, Objective, Pair, PairLoss};

/// The system's allocator, which counts what is asked of it.
struct Counting;

/// How often so many bytes were asked for; what is larger than all of these is counted in the last place.
static SIZES: [AtomicUsize; 1 << 20] = [const { AtomicUsize::new(0) }; 1 << 20];

static COUNTS: AtomicBool = AtomicBool::new(false);

fn count(bytes: usize) {
    if !COUNTS.load(Relaxed) {
        return;
    }
    SIZES[bytes.min(SIZES.len() - 1)].fetch_add(1, Relaxed);
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

/// How many allocations of each size there were.
fn counted(work: impl FnOnce()) -> BTreeMap<usize, usize> {
    SIZES.iter().for_each(|count| count.store(0, Relaxed));
    COUNTS.store(true, Relaxed);
    work();
    COUNTS.store(false, Relaxed);
    SIZES.iter().map(|count| count.load(Relaxed)).enumerate().filter(|(_, count)| *count > 0).collect()
}

const PAIRS: usize = 128;
const SIZE: usize = 18;
const FILTERS: usize = 16;
/// So many that a number for each is a size that no list happens to have.
const UNITS: usize = 509;

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

/// By one thread, since each has buffers of its own, which it takes when it first has work of a kind.
#[test]
fn from_the_second_step_on_no_tensor_is_allocated_but_short_lists() {
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
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let steps: Vec<BTreeMap<usize, usize>> =
        one.install(|| (0..5).map(|_| counted(|| step(&mut model, &mut adam, &trainable))).collect());
    for (k, sizes) in steps.iter().enumerate() {
        let bytes: usize = sizes.iter().map(|(size, count)| size * count).sum();
        let (count, largest) = (sizes.values().sum::<usize>(), sizes.keys().max().unwrap());
        println!("step {}: {count} allocations, {bytes} bytes, at most {largest}", k + 1);
    }
    let numbers = [
        // Of the batch: images, what the stages make of them, embeddings.
        PAIRS * SIZE * SIZE,
        PAIRS * FILTERS * (SIZE - 2) * (SIZE - 2),
        PAIRS * FILTERS * (SIZE / 2 - 1) * (SIZE / 2 - 1),
        PAIRS * FILTERS * (SIZE / 4) * (SIZE / 4),
        PAIRS * UNITS,
        // Weights, and what a batch-norm has one of for each feature.
        FILTERS * FILTERS * 9,
        FILTERS * (SIZE / 4) * (SIZE / 4) * UNITS,
        UNITS * UNITS,
        UNITS,
    ];
    // The first step takes them, so they are not looked for in vain.
    assert!(numbers.iter().any(|len| steps[0].contains_key(&(4 * len))), "{:?}", steps[0]);
    // Lists are of offsets, of slices, of parts: one entry a row or a unit, and nothing as large as what is made of a batch.
    const LISTS: usize = 10 << 10;
    const { assert!(10 * LISTS < 4 * PAIRS * FILTERS * (SIZE / 4) * (SIZE / 4)) };
    for (k, sizes) in steps.iter().enumerate().skip(1) {
        for len in numbers {
            assert!(!sizes.contains_key(&(4 * len)), "step {}: {len} numbers, in {sizes:?}", k + 1);
        }
        assert!(sizes.keys().all(|&size| size <= LISTS), "step {}: {sizes:?}", k + 1);
    }
    assert!(steps[2] == steps[3] && steps[3] == steps[4], "{steps:?}");
}
