//! The run directory: the resolved configuration, metrics as CSV, the model, pictures.

use crate::train::{EpochMetrics, Reading};
use crate::{Error, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The model's file name in a run directory.
pub const MODEL: &str = "model.safetensors";

/// A folder that a run writes to, or one that it has written.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    path: PathBuf,
    model: PathBuf,
}

impl RunDirectory {
    /// Makes a run directory, or takes an empty folder for one.
    ///
    /// # Errors
    /// When it cannot be made, or is not empty.
    pub fn create(path: &Path) -> Result<RunDirectory> {
        match fs::create_dir_all(path) {
            Err(error) if !path.is_dir() => return Err(Error::io(path, error)),
            _ => {}
        }
        let mut entries = fs::read_dir(path).map_err(|error| Error::io(path, error))?;
        if entries.next().is_some() {
            return Err(Error::input(
                path.display(),
                "is not empty, expected a new or an empty folder for the run",
            ));
        }
        Ok(RunDirectory::at(path))
    }

    /// Makes `BASE/RECIPE-N` with the smallest N above all that are there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn next(base: &Path, recipe: &str) -> Result<RunDirectory> {
        fs::create_dir_all(base).map_err(|error| Error::io(base, error))?;
        let mut last = 0u64;
        for entry in fs::read_dir(base).map_err(|error| Error::io(base, error))? {
            let name = entry.map_err(|error| Error::io(base, error))?.file_name();
            let number =
                name.to_str().and_then(|name| name.strip_prefix(recipe)?.strip_prefix('-')?.parse().ok());
            last = last.max(number.unwrap_or(0));
        }
        loop {
            last += 1;
            let path = base.join(format!("{recipe}-{last}"));
            match fs::create_dir(&path) {
                // Another run was quicker.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(Error::io(path, error)),
                Ok(()) => return Ok(RunDirectory::at(&path)),
            }
        }
    }

    /// Finds the model of a run directory, or takes a model file by itself.
    ///
    /// # Errors
    /// When there is neither.
    pub fn open(path: &Path) -> Result<RunDirectory> {
        if path.is_file() {
            let folder = path.parent().unwrap_or(Path::new(""));
            return Ok(RunDirectory { path: folder.to_path_buf(), model: path.to_path_buf() });
        }
        let run = RunDirectory::at(path);
        if run.model.is_file() {
            return Ok(run);
        }
        let problem = if path.is_dir() { format!("has no {MODEL}") } else { "does not exist".into() };
        Err(Error::input(
            path.display(),
            format!("{problem}, expected a finished run's directory or a model file"),
        ))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The model's file.
    pub fn model_path(&self) -> PathBuf {
        self.model.clone()
    }

    /// Writes the resolved configuration.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_config(&self, toml: &str) -> Result<()> {
        let text = format!("# Everything that this run was made from; `train --recipe` takes it.\n\n{toml}");
        self.write("config.toml", text.as_bytes())
    }

    /// Writes the metrics of all epochs so far, a row an epoch.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_metrics(&self, history: &[EpochMetrics]) -> Result<()> {
        let mut csv =
            String::from("epoch,loss,accuracy,val_loss,val_accuracy,val_auc,threshold,learning_rate\n");
        for m in history {
            csv += &format!(
                "{},{},{},{},{},{},{},{}\n",
                m.epoch,
                m.loss,
                m.accuracy,
                m.val_loss,
                m.val_accuracy,
                m.val_auc,
                m.threshold,
                m.learning_rate
            );
        }
        self.write("metrics.csv", csv.as_bytes())
    }

    /// Writes what was read at the end of each epoch so far, a row an epoch; what a run does not have is left empty.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_monitors(&self, readings: &[Reading]) -> Result<()> {
        let mut csv = String::from(
            "epoch,loss_ratio,least_spread,mean_spread,length,saturated,positive_distance,negative_distance,\
             distance_spread,active_triplets",
        );
        for (layer, _) in readings.first().map_or(&[][..], |first| &first.gradients) {
            csv += &format!(",gradient_{layer}");
        }
        csv.push('\n');
        let optional = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
        for r in readings {
            csv += &format!(
                "{},{},{},{},{},{},{},{},{},{}",
                r.epoch,
                r.loss_ratio,
                r.spread[0],
                r.spread[1],
                r.length,
                optional(r.saturated),
                r.distance[0],
                r.distance[1],
                r.distance_spread,
                optional(r.active)
            );
            for (_, norm) in &r.gradients {
                csv += &format!(",{norm}");
            }
            csv.push('\n');
        }
        self.write("monitors.csv", csv.as_bytes())
    }

    /// Writes a file of the run, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        write_atomic(&self.path.join(name), bytes)
    }

    fn at(path: &Path) -> RunDirectory {
        RunDirectory { path: path.to_path_buf(), model: path.join(MODEL) }
    }
}

/// Writes a file whole or not at all: beside it as `NAME.tmp`, synced, then renamed over it.
///
/// # Errors
/// When it cannot be written; what stood there before still does.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = renamed {
        // What is half-written is of no use; that it cannot be removed either adds nothing to the error.
        let _ = fs::remove_file(&temporary);
        return Err(Error::io(path, error));
    }
    // The rename itself lasts once the folder is synced; not every system can open a folder for that.
    if let Some(Ok(folder)) = path.parent().map(File::open) {
        let _ = folder.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_empty_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(RunDirectory::create(folder.path()).is_ok());
        fs::write(folder.path().join("precious"), "x").unwrap();
        let error = RunDirectory::create(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("is not empty, expected a new or an empty folder for the run"), "{error}");
        assert!(RunDirectory::create(&folder.path().join("precious")).is_err());
    }

    #[test]
    fn runs_are_numbered_above_all_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("quick-7")).unwrap();
        fs::create_dir(folder.path().join("quick-x")).unwrap();
        fs::create_dir(folder.path().join("quickest-9")).unwrap();
        for expected in ["quick-8", "quick-9"] {
            let run = RunDirectory::next(folder.path(), "quick").unwrap();
            assert_eq!(run.path(), folder.path().join(expected));
        }
    }

    #[test]
    fn a_write_that_fails_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomic(&path, b"one").unwrap();
        // A folder stands where the temporary file would be written.
        fs::create_dir(folder.path().join("file.tmp")).unwrap();
        assert!(write_atomic(&path, b"two").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
    }

    #[test]
    fn a_run_without_a_model_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = RunDirectory::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("has no model.safetensors, expected a finished run's directory"), "{error}");
        let error = RunDirectory::open(&folder.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("does not exist, expected"), "{error}");
    }
}
