//! What a training step takes from the system's memory, all threads together, counted by an allocator of this test's own. It
//! has a process to itself, since there is one allocator in each.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use twinglyph_engine::nn::{Adam, AdamSettings, Architecture, Layer, Mode, Model, Objective, Pair, PairLoss};

/// The system's allocator, which counts what is asked of it.
struct Counting;

/// How often so many bytes were asked for; what is larger than all of these is counted in the last place.
static SIZES: [AtomicUsize; 1 << 20] = [const { AtomicUsize::new(0) }; 1 << 20];

static COUNTS: AtomicBool = AtomicBool::new(false);

/// Bytes that are held now, and the most that were.
static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// One test at a time: they count the same.
static ALONE: Mutex<()> = Mutex::new(());

fn hold(more: usize, less: usize) {
    // Wraps where less is more: the sum comes out right.
    let held = HELD.fetch_add(more.wrapping_sub(less), Relaxed).wrapping_add(more.wrapping_sub(less));
    MOST.fetch_max(held, Relaxed);
}

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
        hold(layout.size(), 0);
        // SAFETY: the caller keeps what `alloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        hold(layout.size(), 0);
        // SAFETY: the caller keeps what `alloc_zeroed` asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        hold(size, layout.size());
        // SAFETY: the caller keeps what `realloc` asks for, and the pointer is the system's.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        hold(0, layout.size());
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
    let _alone = ALONE.lock();
    let conv = |padding| Layer::conv2d(FILTERS, 3, padding);
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

/// Each number of images has sizes of its own; what was made for one is let go when others are asked for.
#[test]
fn embedding_one_number_of_images_after_the_other_holds_no_more_than_the_largest_needs() {
    let _alone = ALONE.lock();
    // So many filters that up to 64 images are encoded at a time.
    let (filters, window) = (64, Pair(4, 4));
    let encoder = vec![
        Layer::conv2d(filters, 1, 0),
        Layer::Tanh {},
        Layer::AvgPool2d { window, stride: None },
        Layer::Sigmoid {},
        Layer::Flatten {},
        Layer::Dense { units: 4 },
    ];
    let model = Model::<f32>::new(Architecture::encoder([1, 24, 24], encoder), 1).unwrap();
    let embed = |model: &Model<f32>, count: usize| {
        let before = HELD.load(Relaxed);
        MOST.store(before, Relaxed);
        model.embed(count, |i, image| image.fill(0.1 * i as f32)).unwrap();
        [HELD.load(Relaxed), MOST.load(Relaxed)].map(|bytes| bytes.wrapping_sub(before) as isize)
    };
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    one.install(|| {
        let largest = 4 * 64 * filters * 24 * 24;
        let start = HELD.load(Relaxed);
        let mut most = 0;
        for count in 16..=64 {
            embed(&model, count);
            most = most.max(MOST.load(Relaxed) - start);
        }
        // Convolution and tanh, each as large, and a little that is small; two sizes' worth would be twice that.
        println!("at most {most} bytes, {} times the largest tensor", most as f64 / largest as f64);
        assert!(most > 2 * largest && most < 3 * largest, "{most} bytes, the largest tensor has {largest}");
        // The same number again takes nothing, and a few of another give the memory back.
        let [kept, _] = embed(&model, 64);
        assert!(kept.unsigned_abs() < largest / 100, "{kept} bytes more are kept");
        // Batches of one size, the last filled up: each takes the memory of the one before.
        embed(&model, 97);
        let sizes = counted(|| _ = embed(&model, 97));
        assert!(sizes.keys().all(|&size| size < largest / 100), "{sizes:?}");
        for _ in 0..5 {
            embed(&model, 16);
        }
        let held = HELD.load(Relaxed) - start;
        assert!(held < largest, "{held} bytes are held after few images, the largest tensor has {largest}");
    });
}
