//! Files of a folder or of a zip archive, alike: their names, and their bytes read in parallel.

use crate::{Error, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rayon::prelude::*;
use std::fs;
use std::io::{Cursor, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use zip::ZipArchive;

/// The largest file that is read from a folder or unpacked from an archive, in bytes.
pub const LARGEST_FILE: u64 = 1 << 20;
/// The largest archive that is opened, in bytes.
const LARGEST_ARCHIVE: u64 = 1 << 30;
/// The most files that a source may have.
const MOST_FILES: usize = 1_000_000;
/// How deep folders are walked.
const DEEPEST: usize = 8;

/// The files of a folder or an archive.
pub struct Source {
    path: PathBuf,
    kind: Kind,
    entries: Vec<Entry>,
}

/// A file: its name in the source, with `/` between folders.
pub struct Entry {
    name: String,
    /// Its place in the archive.
    index: usize,
}

enum Kind {
    Folder,
    Zip(ZipArchive<Cursor<Arc<[u8]>>>),
}

impl Entry {
    /// The name, with `/` between folders.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The parts of the name.
    pub fn parts(&self) -> Vec<&str> {
        self.name.split('/').collect()
    }
}

impl Source {
    /// Lists the files of a folder, or of a zip archive; clutter (hidden files, macOS's `__MACOSX`, ...) is left
    /// out. Sorted by name.
    ///
    /// # Errors
    /// When there is no such path, or it is neither a folder nor a zip archive that can be read.
    pub fn open(path: &Path) -> Result<Source> {
        let metadata = fs::metadata(path).map_err(|error| Error::io(path, error))?;
        let mut source = Source { path: path.to_path_buf(), kind: Kind::Folder, entries: Vec::new() };
        if metadata.is_dir() {
            walk(path, "", 0, &mut source.entries)?;
        } else {
            if metadata.len() > LARGEST_ARCHIVE {
                let message =
                    format!("{} bytes, expected an archive of at most {LARGEST_ARCHIVE}", metadata.len());
                return Err(Error::input(path.display(), message));
            }
            let bytes: Arc<[u8]> = fs::read(path).map_err(|error| Error::io(path, error))?.into();
            let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
                Error::input(path.display(), format!("expected a folder or a zip archive: {error}"))
            })?;
            source.entries = zip_entries(path, &archive)?;
            source.kind = Kind::Zip(archive);
        }
        source.entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(source)
    }

    /// The files, sorted by name.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What an error calls the source.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// What an error calls one of its files.
    pub fn name_of(&self, entry: &Entry) -> String {
        match self.kind {
            Kind::Folder => self.path.join(&entry.name).display().to_string(),
            Kind::Zip(_) => format!("{}: {}", self.path.display(), entry.name),
        }
    }

    /// Reads every file and hands its bytes to `decode`, in parallel; the results in the files' order. Unless
    /// `quiet`, a bar shows the progress on a terminal when it takes more than a second.
    ///
    /// # Errors
    /// The first file's, in their order, that cannot be read or decoded.
    pub fn read_all<T: Send>(
        &self,
        quiet: bool,
        decode: impl Fn(&Entry, &[u8]) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let progress = Progress::new(self.entries.len(), quiet);
        let results: Vec<Result<T>> = self
            .entries
            .par_iter()
            .map_init(
                || (self.archive(), Vec::new()),
                |(archive, buffer), entry| {
                    self.read(entry, archive.as_mut(), buffer)?;
                    progress.step();
                    decode(entry, buffer)
                },
            )
            .collect();
        results.into_iter().collect()
    }

    /// A thread's own view of the archive; the bytes are shared.
    fn archive(&self) -> Option<ZipArchive<Cursor<Arc<[u8]>>>> {
        match &self.kind {
            Kind::Folder => None,
            Kind::Zip(archive) => Some(archive.clone()),
        }
    }

    fn read(
        &self,
        entry: &Entry,
        archive: Option<&mut ZipArchive<Cursor<Arc<[u8]>>>>,
        buffer: &mut Vec<u8>,
    ) -> Result<()> {
        buffer.clear();
        let name = || self.name_of(entry);
        // One byte more than is allowed tells a file that is too large, whatever its header says.
        let read = match archive {
            None => fs::File::open(self.path.join(&entry.name))
                .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(buffer)),
            Some(archive) => {
                let file = archive
                    .by_index(entry.index)
                    .map_err(|error| Error::input(name(), format!("cannot be unpacked: {error}")))?;
                file.take(LARGEST_FILE + 1).read_to_end(buffer)
            }
        };
        let read = read.map_err(|error| Error::input(name(), format!("cannot be read: {error}")))?;
        if read as u64 > LARGEST_FILE {
            return Err(Error::input(name(), format!("is too large, expected at most {LARGEST_FILE} bytes")));
        }
        Ok(())
    }
}

/// Hidden files and what operating systems leave behind.
fn is_clutter(part: &str) -> bool {
    part.starts_with('.') || ["__MACOSX", "Thumbs.db", "desktop.ini"].contains(&part)
}

fn walk(root: &Path, folder: &str, depth: usize, entries: &mut Vec<Entry>) -> Result<()> {
    let path = root.join(folder);
    if depth > DEEPEST {
        return Err(Error::input(
            path.display(),
            format!("expected at most {DEEPEST} folders in one another"),
        ));
    }
    for entry in fs::read_dir(&path).map_err(|error| Error::io(&path, error))? {
        let entry = entry.map_err(|error| Error::io(&path, error))?;
        let file_name = entry.file_name();
        let Some(part) = file_name.to_str() else {
            return Err(Error::input(entry.path().display(), "expected a file name in UTF-8"));
        };
        if is_clutter(part) {
            continue;
        }
        let name = if folder.is_empty() { part.to_string() } else { format!("{folder}/{part}") };
        let metadata = fs::metadata(entry.path()).map_err(|error| Error::io(entry.path(), error))?;
        if metadata.is_dir() {
            walk(root, &name, depth + 1, entries)?;
        } else {
            entries.push(Entry { name, index: 0 });
        }
        if entries.len() > MOST_FILES {
            return Err(Error::input(root.display(), format!("expected at most {MOST_FILES} files")));
        }
    }
    Ok(())
}

fn zip_entries(path: &Path, archive: &ZipArchive<Cursor<Arc<[u8]>>>) -> Result<Vec<Entry>> {
    if archive.len() > MOST_FILES {
        return Err(Error::input(path.display(), format!("expected at most {MOST_FILES} files")));
    }
    let mut entries = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let name = match archive.name_for_index(index) {
            Some(Ok(name)) => name,
            _ => {
                let message = format!("entry {index} has a name that cannot be read, expected UTF-8");
                return Err(Error::input(path.display(), message));
            }
        };
        let place = || format!("{}: {name}", path.display());
        if name.starts_with('/') || name.contains('\\') || name.split('/').any(|part| part == "..") {
            return Err(Error::input(place(), "leads out of the archive, expected a plain relative path"));
        }
        if name.ends_with('/') || name.split('/').any(is_clutter) {
            continue;
        }
        entries.push(Entry { name: name.to_string(), index });
    }
    Ok(entries)
}

/// A bar that appears when something takes more than a second.
struct Progress {
    bar: ProgressBar,
    started: Instant,
    wanted: bool,
    shown: AtomicBool,
}

impl Progress {
    fn new(files: usize, quiet: bool) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(files as u64), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("Reading {pos}/{len} files [{bar:30}] {eta} left") {
            bar.set_style(style.progress_chars("=>."));
        }
        let wanted = !quiet && std::io::stderr().is_terminal();
        Progress { bar, started: Instant::now(), wanted, shown: AtomicBool::new(false) }
    }

    fn step(&self) {
        let late = self.wanted && self.started.elapsed() > Duration::from_secs(1);
        if late && !self.shown.swap(true, Ordering::Relaxed) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
