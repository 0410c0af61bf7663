//! The run directory: the resolved configuration, metrics as CSV, the model, pictures.

use super::checkpoint_file::CheckpointFile;
use super::environment::Environment;
use super::metrics_file::MetricsTable;
use crate::files::{self, is_unfinished, not_made, sync_entry, write_atomic};
use crate::recipes::Recipe;
use crate::{Error, Result};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// The model's file name in a run directory; it is written last.
pub const MODEL: &str = "model.safetensors";
/// The weights of the best epoch so far, as a model.
pub const BEST: &str = "best.safetensors";
/// The state in which the training was last put aside.
const LAST: &str = "last.safetensors";
const ENVIRONMENT: &str = "environment.json";
const METRICS: &str = "metrics.csv";
const CONFIG: &str = "config.toml";
/// Held open and locked by the process that trains.
const LOCK: &str = ".lock";
/// The largest configuration, environment and table of metrics that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// A run directory that no other process trains in.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// A folder that a run writes to, or one that it has written.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    path: PathBuf,
    model: PathBuf,
}

impl RunDirectory {
    /// Makes a run directory, or takes a folder for one that is empty, or holds no more than a run leaves that was killed
    /// before it had a configuration.
    ///
    /// # Errors
    /// When it cannot be made, or holds anything else.
    pub fn create(path: &Path) -> Result<RunDirectory> {
        files::create_folder(path)?;
        for entry in fs::read_dir(path).map_err(|error| Error::io(path, error))? {
            let name = entry.map_err(|error| Error::io(path, error))?.file_name();
            if name != LOCK && name != LAST && !is_unfinished(&name) {
                let message = "is not empty, expected a new or an empty folder for the run";
                return Err(Error::input(path.display(), message));
            }
        }
        Ok(RunDirectory::at(path))
    }

    /// Makes `BASE/RECIPE-N` with the smallest N above all that are there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn next(base: &Path, recipe: &str) -> Result<RunDirectory> {
        files::create_folder(base)?;
        let mut last = 0u32;
        for entry in fs::read_dir(base).map_err(|error| Error::io(base, error))? {
            let name = entry.map_err(|error| Error::io(base, error))?.file_name();
            let number =
                name.to_str().and_then(|name| name.strip_prefix(recipe)?.strip_prefix('-')?.parse().ok());
            last = last.max(number.unwrap_or(0));
        }
        loop {
            last = last.checked_add(1).ok_or_else(|| {
                let message = format!(
                    "has a run {recipe}-{last}, expected a smaller number: the next would be too large"
                );
                Error::input(base.display(), message)
            })?;
            let path = base.join(format!("{recipe}-{last}"));
            match fs::create_dir(&path) {
                // Another run was quicker.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(not_made(&path, error)),
                Ok(()) => {
                    sync_entry(&path)?;
                    return Ok(RunDirectory::at(&path));
                }
            }
        }
    }

    /// Takes a directory that a training was begun in.
    ///
    /// # Errors
    /// When it is none.
    pub fn begun(path: &Path) -> Result<RunDirectory> {
        let run = RunDirectory::at(path);
        if run.has_config() {
            return Ok(run);
        }
        let problem = if path.is_dir() { format!("has no {CONFIG}") } else { "is no folder".into() };
        Err(Error::input(path.display(), format!("{problem}, expected the directory of a run")))
    }

    /// Finds the model of a run directory, or takes a model file by itself. Of a run that is not finished it is the best so
    /// far.
    ///
    /// # Errors
    /// When there is neither.
    pub fn open(path: &Path) -> Result<RunDirectory> {
        if path.is_file() {
            let folder = path.parent().unwrap_or(Path::new(""));
            return Ok(RunDirectory { path: folder.to_path_buf(), model: path.to_path_buf() });
        }
        let run = RunDirectory::at(path);
        for name in [MODEL, BEST] {
            let model = path.join(name);
            if model.is_file() {
                return Ok(RunDirectory { model, ..run });
            }
        }
        let problem = match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => format!("has no {MODEL}"),
            Ok(_) => "is neither a folder nor a file".into(),
            Err(_) => "does not exist".into(),
        };
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
        self.write(CONFIG, text.as_bytes())
    }

    /// Whether a configuration was written.
    pub fn has_config(&self) -> bool {
        self.path.join(CONFIG).is_file()
    }

    /// The configuration that was written.
    ///
    /// # Errors
    /// When it cannot be read, or is no recipe.
    pub fn config(&self) -> Result<Recipe> {
        let (path, text) = self.read(CONFIG)?;
        Recipe::parse(&path.display().to_string(), &text, &[])
    }

    /// The state that the training was last put aside in; `None` before the first.
    ///
    /// # Errors
    /// When it is damaged or cannot be read.
    pub fn last(&self) -> Result<Option<CheckpointFile>> {
        let path = self.path.join(LAST);
        if path.exists() { CheckpointFile::load(&path).map(Some) } else { Ok(None) }
    }

    /// What the run was made with, as `environment.json` has it; `None` where there is none.
    ///
    /// # Errors
    /// When the file cannot be read, or is something else.
    pub fn environment(&self) -> Result<Option<Environment>> {
        if !self.path.join(ENVIRONMENT).exists() {
            return Ok(None);
        }
        let (path, text) = self.read(ENVIRONMENT)?;
        let refuse = |error| format!("{error}, expected what a training writes there");
        serde_json::from_str(&text).map(Some).map_err(|error| Error::input(path.display(), refuse(error)))
    }

    /// The fingerprint of the data that the run was begun with; `None` where there is no `environment.json`.
    ///
    /// # Errors
    /// When the file cannot be read, or has none.
    pub fn data_fingerprint(&self) -> Result<Option<u64>> {
        let Some(environment) = self.environment()? else { return Ok(None) };
        let message = "has no data_fingerprint, expected a hexadecimal number";
        match u64::from_str_radix(&environment.data_fingerprint, 16) {
            Ok(fingerprint) => Ok(Some(fingerprint)),
            Err(_) => Err(Error::input(self.path.join(ENVIRONMENT).display(), message)),
        }
    }

    /// The metrics of the epochs that are done.
    ///
    /// # Errors
    /// When there are none, or the file is something else.
    pub fn metrics(&self) -> Result<MetricsTable> {
        let (path, text) = self.read(METRICS)?;
        MetricsTable::parse(&path.display().to_string(), &text)
    }

    /// Writes the metrics, as text.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_metrics(&self, csv: &str) -> Result<()> {
        self.write(METRICS, csv.as_bytes())
    }

    /// The folder's own name.
    pub fn name(&self) -> String {
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        path.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy().into_owned())
    }

    /// Writes what the run is made with.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_environment(&self, environment: &Environment) -> Result<()> {
        self.write(ENVIRONMENT, environment.to_json().as_bytes())
    }

    /// Where a finished run's model stands.
    pub fn final_model_path(&self) -> PathBuf {
        self.path.join(MODEL)
    }

    /// Puts a training's state aside.
    ///
    /// # Errors
    /// When it cannot be written; the one before is still there.
    pub fn write_last(&self, file: &CheckpointFile) -> Result<()> {
        file.save(&self.path.join(LAST))
    }

    /// Whether the training came to its end: the model is written last.
    pub fn is_finished(&self) -> bool {
        self.path.join(MODEL).is_file()
    }

    /// Takes the directory for this process alone, as long as the answer lives.
    ///
    /// # Errors
    /// When another process has it.
    pub fn lock(&self) -> Result<Lock> {
        let path = self.path.join(LOCK);
        let open = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(|error| Error::io(&path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::input(
                self.path.display(),
                "another process trains in this directory, expected none",
            )),
            Err(TryLockError::Error(error)) => Err(Error::io(path, error)),
        }
    }

    /// Removes what writes that were cut off have left.
    ///
    /// # Errors
    /// When it cannot.
    pub fn sweep(&self) -> Result<()> {
        for entry in fs::read_dir(&self.path).map_err(|error| Error::io(&self.path, error))? {
            let entry = entry.map_err(|error| Error::io(&self.path, error))?;
            let path = entry.path();
            if is_unfinished(&entry.file_name()) && path.is_file() {
                fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
            }
        }
        Ok(())
    }

    /// Takes the model of a finished run away: it is to be trained further. The best checkpoint stays.
    ///
    /// # Errors
    /// When it cannot.
    pub fn unfinish(&self) -> Result<()> {
        let path = self.path.join(MODEL);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io(path, error)),
            // Before anything else is written: the end must not come back with a configuration of more epochs.
            Ok(()) => sync_entry(&path),
        }
    }

    /// Writes a file of the run, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        write_atomic(&self.path.join(name), bytes)
    }

    /// A text of the run, and its path.
    fn read(&self, name: &str) -> Result<(PathBuf, String)> {
        let path = self.path.join(name);
        let what = format!("the {name} of a run");
        let bytes = files::read(&path, &what, LARGEST)?;
        let text = files::text(&path, &what, bytes)?;
        Ok((path, text))
    }

    fn at(path: &Path) -> RunDirectory {
        RunDirectory { path: path.to_path_buf(), model: path.join(MODEL) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_empty_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(RunDirectory::create(folder.path()).is_ok());
        // A run that was killed before it had a configuration left these.
        for name in [LOCK, LAST, "last.safetensors.17.tmp", "config.toml.18.tmp"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
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
        fs::create_dir(folder.path().join("last-4294967295")).unwrap();
        for expected in ["quick-8", "quick-9"] {
            let run = RunDirectory::next(folder.path(), "quick").unwrap();
            assert_eq!(run.path(), folder.path().join(expected));
        }
        let error = RunDirectory::next(folder.path(), "last").unwrap_err().to_string();
        assert!(error.contains("has a run last-4294967295, expected a smaller number"), "{error}");
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
