//! The files of a folder or of a zip archive, alike: clutter left out, names checked, sizes bounded.

use super::progress::{Listener, Progress};
use crate::files;
use crate::{Error, Result};
use rayon::prelude::*;
use std::collections::HashSet;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zip::ZipArchive;
use zip::result::ZipError;

/// No file of a data set is larger: a glyph is some 300 bytes. What unzips to more is refused unread.
const MAX_FILE: u64 = 1 << 20;
/// The archive is held in memory as it is read: the background set is 9 MB.
const MAX_ARCHIVE: u64 = 256 << 20;
/// All of Omniglot is 32,460 images.
const MAX_FILES: usize = 500_000;
/// Folders in folders: the layouts need four names; this also ends a ring of links.
const MAX_DEPTH: usize = 6;

type Archive = ZipArchive<Cursor<Arc<[u8]>>>;

/// A folder or a zip archive.
pub(super) struct Source {
    path: PathBuf,
    files: Vec<File>,
    /// The bytes of a zip archive and what stands where in them.
    zip: Option<Archive>,
}

/// A file in it.
struct File {
    /// The path inside, with `/` between names.
    name: String,
    /// Which entry of the archive.
    index: usize,
}

impl Source {
    /// Lists the files, sorted by name; `expected` ends the sentences about what does not belong here.
    pub fn open(path: &Path, expected: &str) -> Result<Source> {
        let meta = fs::metadata(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Error::input(
                path.display(),
                format!("does not exist, expected a folder or a zip archive with {expected}"),
            ),
            _ => Error::io(path, e),
        })?;
        let mut source = if meta.is_dir() {
            let mut files = Vec::new();
            list_folder(path, &mut Vec::new(), expected, &mut files)?;
            Source { path: path.into(), files, zip: None }
        } else {
            open_archive(path, meta.is_file(), meta.len(), expected)?
        };
        source.files.sort_by(|a, b| a.name.cmp(&b.name));
        if source.files.is_empty() {
            return Err(Error::input(path.display(), format!("has no file in it, expected {expected}")));
        }
        Ok(source)
    }

    /// How many files there are, at least one.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// The path of file `i` inside the folder or archive, with `/` between names.
    pub fn name(&self, i: usize) -> &str {
        &self.files[i].name
    }

    /// An error about file `i`, named with the folder or archive that it is in.
    pub fn error(&self, i: usize, message: impl Into<String>) -> Error {
        Error::input(self.place(self.name(i)), message)
    }

    /// How errors call something inside: `archive.zip: top/a.png`, or `folder/top/a.png`.
    pub fn place(&self, name: &str) -> String {
        place(&self.path, self.zip.is_some(), name)
    }

    /// Gives every file's number and bytes to `work`, on all threads.
    ///
    /// Results are in the order of the names, and so is the error, if several files have one.
    pub fn read_all<T: Send>(
        &self,
        listener: &dyn Listener,
        work: impl Fn(usize, &[u8]) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let progress = Progress::new(listener, format!("reading {}", self.path.display()), self.len() as u64);
        let results: Vec<Result<T>> = (0..self.len())
            .into_par_iter()
            .map_init(
                // A copy shares the bytes and the list of entries.
                || (self.zip.clone(), Vec::new()),
                |(archive, bytes), i| {
                    bytes.clear();
                    match archive {
                        Some(archive) => self.unzip(archive, i, bytes)?,
                        None => self.read_file(i, bytes)?,
                    }
                    let result = work(i, bytes);
                    progress.step();
                    result
                },
            )
            .collect();
        results.into_iter().collect()
    }

    fn read_file(&self, i: usize, bytes: &mut Vec<u8>) -> Result<()> {
        let path = self.path.join(self.name(i));
        let file = fs::File::open(&path).map_err(|e| Error::io(&path, e))?;
        file.take(MAX_FILE + 1).read_to_end(bytes).map_err(|e| Error::io(&path, e))?;
        self.bounded(i, bytes.len() as u64)
    }

    fn unzip(&self, archive: &mut Archive, i: usize, bytes: &mut Vec<u8>) -> Result<()> {
        let refuse = |e: &dyn std::fmt::Display| {
            self.error(i, format!("cannot be unpacked, expected a whole entry, stored or deflated ({e})"))
        };
        let entry = archive.by_index(self.files[i].index).map_err(|e| match e {
            ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
                self.error(i, "is encrypted, expected an entry that needs no password")
            }
            e => refuse(&e),
        })?;
        // The size in the header may lie: it is checked first, and the reading is bounded as well.
        self.bounded(i, entry.size())?;
        entry.take(MAX_FILE + 1).read_to_end(bytes).map_err(|e| refuse(&e))?;
        self.bounded(i, bytes.len() as u64)
    }

    fn bounded(&self, i: usize, size: u64) -> Result<()> {
        if size > MAX_FILE {
            return Err(
                self.error(i, format!("is larger than {} KiB, expected a small file", MAX_FILE >> 10))
            );
        }
        Ok(())
    }
}

/// Puts the regular files below `folder`, whose path inside the source is `names`, into `files`.
fn list_folder(root: &Path, names: &mut Vec<String>, expected: &str, files: &mut Vec<File>) -> Result<()> {
    let folder = names.iter().fold(root.to_path_buf(), |path, name| path.join(name));
    for entry in fs::read_dir(&folder).map_err(|e| Error::io(&folder, e))? {
        let path = entry.map_err(|e| Error::io(&folder, e))?.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else {
            return Err(Error::input(
                path.display(),
                format!("has a name that is not UTF-8, expected {expected}"),
            ));
        };
        if is_clutter(name) {
            continue;
        }
        if name.contains(char::is_control) {
            return Err(Error::input(
                path.display(),
                "has a control character in its name, expected letters",
            ));
        }
        // Links are followed: data often lies on another disk.
        let meta = fs::metadata(&path).map_err(|e| Error::io(&path, e))?;
        if names.len() + 1 >= MAX_DEPTH || !(meta.is_dir() || meta.is_file()) {
            return Err(unexpected(path.display(), expected));
        }
        names.push(name.to_string());
        if meta.is_dir() {
            list_folder(root, names, expected, files)?;
        } else {
            push(root, files, File { name: names.join("/"), index: 0 })?;
        }
        names.pop();
    }
    Ok(())
}

/// Reads a whole archive file of `size` bytes and its list of entries.
fn open_archive(path: &Path, is_file: bool, size: u64, expected: &str) -> Result<Source> {
    let not_zip = |why: String| {
        Error::input(
            path.display(),
            format!("is not a whole zip archive, expected a folder or a zip archive{why}"),
        )
    };
    if !is_file {
        return Err(not_zip(String::new()));
    }
    if size > MAX_ARCHIVE {
        let limit = MAX_ARCHIVE >> 20;
        return Err(Error::input(
            path.display(),
            format!("is larger than {limit} MiB, expected a smaller archive"),
        ));
    }
    let bytes = files::read(path, "a zip archive", MAX_ARCHIVE)?;
    let archive = ZipArchive::new(Cursor::new(Arc::<[u8]>::from(bytes)))
        .map_err(|e| not_zip(format!(" ({})", e.to_string().trim_end_matches('.'))))?;
    if archive.has_duplicate_names() {
        let name = duplicate_name(&archive).unwrap_or_else(|| "an entry".into());
        return Err(Error::input(place(path, true, &name), "stands twice in the archive, expected it once"));
    }
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_data(index).map_err(|e| not_zip(format!(" ({e})")))?;
        let raw = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let at = || place(path, true, &raw.escape_debug().to_string());
        let Some(name) = entry.name().ok().and_then(|name| safe_name(&name)) else {
            return Err(Error::input(
                at(),
                "has a name that could lead out of the archive, expected a plain path",
            ));
        };
        if entry.is_dir() || name.split('/').any(is_clutter) {
            continue;
        }
        if !entry.is_file() {
            return Err(unexpected(at(), expected));
        }
        if !seen.insert(name.clone()) {
            return Err(Error::input(at(), "stands twice in the archive, expected it once"));
        }
        push(path, &mut files, File { name, index })?;
    }
    Ok(Source { path: path.into(), files, zip: Some(archive) })
}

/// The sentence about something that has no place in a source.
pub(super) fn unexpected(what: impl std::fmt::Display, expected: &str) -> Error {
    let hint = if what.to_string().ends_with(".zip") { " (give an archive by its own path)" } else { "" };
    Error::input(what, format!("does not belong here, expected {expected}{hint}"))
}

fn push(path: &Path, files: &mut Vec<File>, file: File) -> Result<()> {
    if files.len() == MAX_FILES {
        return Err(Error::input(path.display(), format!("has more than {MAX_FILES} files, expected fewer")));
    }
    files.push(file);
    Ok(())
}

fn place(path: &Path, is_zip: bool, name: &str) -> String {
    if is_zip { format!("{}: {name}", path.display()) } else { path.join(name).display().to_string() }
}

/// What macOS and Windows leave behind, and hidden files: skipped without a word.
pub(super) fn is_clutter(name: &str) -> bool {
    name.starts_with('.')
        || ["__MACOSX", "Thumbs.db", "desktop.ini"].iter().any(|clutter| name.eq_ignore_ascii_case(clutter))
}

/// An entry's name without `.` and a closing `/`, or nothing if it is absolute, climbs with `..`, or is not plain text.
fn safe_name(name: &str) -> Option<String> {
    let names: Vec<&str> = name.strip_suffix('/').unwrap_or(name).split('/').filter(|&n| n != ".").collect();
    let safe =
        |n: &&str| !n.is_empty() && *n != ".." && !n.contains(['\\', ':']) && !n.contains(char::is_control);
    names.iter().all(safe).then(|| names.join("/"))
}

/// The name that the archive's own directory holds twice: the reader keeps one of them only.
fn duplicate_name(archive: &Archive) -> Option<String> {
    const HEADER: usize = 46;
    let bytes = archive.clone().into_inner().into_inner();
    let mut at = usize::try_from(archive.central_directory_start()).ok()?;
    let mut seen = HashSet::new();
    loop {
        let header = bytes.get(at..)?.get(..HEADER)?;
        let length = |i: usize| usize::from(u16::from_le_bytes([header[i], header[i + 1]]));
        let name = bytes.get(at + HEADER..)?.get(..length(28))?;
        if !header.starts_with(b"PK\x01\x02") {
            return None;
        }
        if !seen.insert(name) {
            return Some(String::from_utf8_lossy(name).escape_debug().to_string());
        }
        at += HEADER + length(28) + length(30) + length(32);
    }
}
