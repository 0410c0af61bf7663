//! twinglyph: a numeric engine that trains Siamese encoders on a multicore CPU.
//!
//! | module | what it is |
//! |---|---|
//! | [`engine`] | the crate `twinglyph-engine`: tape, ops, gradient check, layers, Adam |
//! | [`data`] | Omniglot, synthetic alphabets, splits by alphabet, samplers |
//! | [`recipes`] | training configurations |
//! | [`train`], [`evaluate`] | the loop; metrics, intervals, the protocol |
//! | [`run`] | what a run leaves on disk; a training that can be killed and goes on |
//!
//! # Build, train and evaluate an encoder
//!
//! A recipe is the whole configuration, from the data to the layers; its text is what `twinglyph recipes NAME` prints.
//!
//! ```
//! use twinglyph::data::{sampler::Label, split::Split, synthetic};
//! use twinglyph::evaluate::protocol::{Protocol, evaluate_sets};
//! use twinglyph::recipes::Recipe;
//! use twinglyph::train::train;
//! use twinglyph_engine::nn::Model;
//!
//! # fn main() -> twinglyph::Result<()> {
//! let text = r#"
//!     loss = "triplet"
//!     size = 35             # the glyphs' 105 pixels a side, by area
//!     batch = 16            # triplets a step
//!     steps = 60
//!     epochs = 2
//!     encoder = [
//!         { layer = "conv2d", filters = 8, kernel = 3 },
//!         { layer = "relu" },
//!         { layer = "max_pool2d", window = 2 },
//!         { layer = "flatten" },
//!         { layer = "batch_norm", momentum = 0.9 },
//!         { layer = "dense", units = 8 },
//!     ]
//! "#;
//! let recipe = Recipe::parse("mine", text, &[])?;
//! let set = synthetic::generate(&synthetic::Spec { alphabets: 12, characters: 8, drawers: 4, seed: 1 })?;
//! let split = Split::by_alphabet(&set, &[], recipe.seed)?;
//! let trained = train(recipe.settings(), Model::new(recipe.architecture(), recipe.seed)?, &set, &split, &mut ())?;
//! assert!(trained.history[1].loss < trained.history[0].loss);
//!
//! let (label, pairs) = (Label::Alphabet, 2000);
//! let protocol = Protocol { set: &set, split: &split, unseen: None, label, pairs, glyphs: 1, seed: 1 };
//! let evaluation = evaluate_sets(&trained.model, trained.rule, &protocol)?;
//! println!("{evaluation}"); // balanced accuracy, AUC, confusion: of alphabets trained on, held out, both
//! assert!(evaluation.sets[0].balanced_accuracy > 0.6);
//! # Ok(())
//! # }
//! ```
//!
//! # A training that can be killed, and goes on
//!
//! A [`run::session::Session`] writes what a run leaves on disk, in such an order that after a kill at any moment
//! [`run::session::Begun`] goes on to the same bytes.
//!
//! ```
//! use twinglyph::data::{split::Split, synthetic};
//! use twinglyph::recipes::Recipe;
//! use twinglyph::run::directory::RunDirectory;
//! use twinglyph::run::session::{Begun, Ended, GoOn, Session, Watcher};
//! use twinglyph_engine::nn::Model;
//!
//! /// Wants to stop after the third step, as somebody who presses Ctrl-C.
//! struct Impatient(usize);
//!
//! impl Watcher for Impatient {
//!     fn stop(&mut self) -> bool {
//!         self.0 += 1;
//!         self.0 == 3
//!     }
//! }
//!
//! # fn main() -> twinglyph::Result<()> {
//! let text = "size = 15\nbatch = 4\nsteps = 4\nepochs = 2\nvalidation_pairs = 40\n\
//!     encoder = [{ layer = \"flatten\" }, { layer = \"dense\", units = 4 }]";
//! let recipe = Recipe::parse("mine", text, &[])?;
//! let set = synthetic::generate(&synthetic::Spec { alphabets: 6, characters: 4, drawers: 3, seed: 1 })?;
//! let split = Split::by_alphabet(&set, &[], recipe.seed)?;
//! let model = Model::new(recipe.architecture(), recipe.seed)?;
//! let path = std::env::temp_dir().join(format!("twinglyph-example-{}", std::process::id()));
//! let session = Session::begin(recipe, model, &set, &split, || RunDirectory::create(&path))?;
//! assert!(matches!(session.run(&mut Impatient(0))?, Ended::Stopped(0, 3)));
//!
//! let GoOn::With(session) = Begun::open(&path)?.go_on(&set, &split)? else { panic!("not yet finished") };
//! let Ended::Finished { evaluation, .. } = session.run(&mut ())? else { panic!("nobody stopped it") };
//! println!("{evaluation}");
//! assert!(path.join("model.safetensors").is_file() && path.join("report.html").is_file());
//! # std::fs::remove_dir_all(&path).unwrap();
//! # Ok(())
//! # }
//! ```
//!
//! # A model loaded, and a folder of glyphs embedded
//!
//! ```
//! use twinglyph::evaluate::embed::embed;
//! use twinglyph::run::trained::TrainedRun;
//!
//! # use twinglyph::data::{split::Split, synthetic};
//! # use twinglyph::recipes::Recipe;
//! # use twinglyph::run::{directory::RunDirectory, session::Session};
//! # use twinglyph_engine::nn::Model;
//! # fn main() -> twinglyph::Result<()> {
//! # let path = std::env::temp_dir().join(format!("twinglyph-embeds-{}", std::process::id()));
//! # let (trained, glyphs) = (path.join("run"), path.join("glyphs"));
//! # for (k, file) in ["a/one/1.png", "a/one/2.png", "b/one/1.png"].iter().enumerate() {
//! #     let file = glyphs.join(file);
//! #     std::fs::create_dir_all(file.parent().unwrap()).unwrap();
//! #     let ink = |at: usize| if at % 60 / 8 == at / 60 / 8 + k { 0 } else { 255_u8 };
//! #     let mut png = png::Encoder::new(std::fs::File::create(file).unwrap(), 60, 60);
//! #     png.set_color(png::ColorType::Grayscale);
//! #     let mut png = png.write_header().unwrap();
//! #     png.write_image_data(&(0..3600).map(ink).collect::<Vec<u8>>()).unwrap();
//! # }
//! # let text = "size = 15\nbatch = 4\nsteps = 4\nepochs = 1\nvalidation_pairs = 40\n\
//! #     encoder = [{ layer = \"flatten\" }, { layer = \"dense\", units = 4 }]";
//! # let recipe = Recipe::parse("mine", text, &[])?;
//! # let set = synthetic::generate(&synthetic::Spec { alphabets: 6, characters: 4, drawers: 3, seed: 1 })?;
//! # let split = Split::by_alphabet(&set, &[], recipe.seed)?;
//! # let model = Model::new(recipe.architecture(), recipe.seed)?;
//! # Session::begin(recipe, model, &set, &split, || RunDirectory::create(&trained))?.run(&mut ())?;
//! // What `twinglyph train` left, and a folder of alphabets of characters of images.
//! let run = TrainedRun::load(&trained)?;
//! let set = twinglyph::data::omniglot::load(&[glyphs], &())?;
//! let glyphs = set.glyphs();
//! let embeddings = embed(&run.model, set.size(), glyphs.len(), |i| &glyphs[i].pixels)?; // (N, F)
//! assert_eq!(embeddings.shape().dims(), [3, 4]);
//! let distance = run.model.distances(&embeddings, &[(0, 1)])?[0];
//! println!("{}", if distance < run.rule.threshold { "the same alphabet" } else { "different alphabets" });
//! # std::fs::remove_dir_all(&path).unwrap();
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod data;
pub mod evaluate;
pub mod recipes;
pub mod run;
pub mod train;

mod hash;

// What the command needs of them it needs as another crate.
#[doc(hidden)]
pub mod files;

pub use twinglyph_engine as engine;
pub use twinglyph_engine::{Error, Result};

/// The README's Rust code is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
