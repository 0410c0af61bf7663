//! The files of a folder or of a zip archive, alike: clutter left out, names checked, sizes bounded.

use super::progress::{Listener, Progress};
use crate::files;
use crate::{Error, Result};
use flate2::{Decompress, FlushDecompress, Status};
use rawzip::{
    CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipSliceArchive, ZipVerification, crc32,
};
use rayon::prelude::*;
use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// No file of a data set is larger: a glyph is some 300 bytes. What unzips to more is refused unread.
const MAX_FILE: u64 = 1 << 20;
/// The archive is held in memory as it is read: the background set is 9 MB.
const MAX_ARCHIVE: u64 = 256 << 20;
/// All of Omniglot is 32,460 images.
const MAX_FILES: usize = 500_000;
/// Folders in folders: the layouts need four names; this also ends a ring of links.
const MAX_DEPTH: usize = 6;

/// The bytes of a zip archive, and where its list of entries stands in them.
type Archive = ZipSliceArchive<Vec<u8>>;

/// A folder or a zip archive.
pub(super) struct Source {
    path: PathBuf,
    files: Vec<File>,
    zip: Option<Archive>,
}

/// A file in it.
struct File {
    /// The path inside, with `/` between names.
    name: String,
    /// Where the archive has it.
    entry: Option<Entry>,
}

/// A file in an archive.
#[derive(Clone, Copy)]
struct Entry {
    place: ZipArchiveEntryWayfinder,
    deflated: bool,
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
                // Deflate as it stands in an archive: without zlib's header.
                || (Decompress::new(false), Vec::new()),
                |(inflate, bytes), i| {
                    bytes.clear();
                    match (&self.zip, self.files[i].entry) {
                        (Some(archive), Some(entry)) => self.unzip(archive, i, entry, inflate, bytes)?,
                        _ => self.read_file(i, bytes)?,
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

    fn unzip(
        &self,
        archive: &Archive,
        i: usize,
        entry: Entry,
        inflate: &mut Decompress,
        bytes: &mut Vec<u8>,
    ) -> Result<()> {
        let refuse = |e: &dyn std::fmt::Display| self.error(i, damaged(e));
        let packed = archive.get_entry(entry.place).map_err(|e| refuse(&e))?;
        let claim = packed.claim_verifier();
        self.bounded(i, claim.uncompressed_size)?;
        if entry.deflated {
            // The size may lie: the room for a byte more shows what unpacks to more.
            bytes.reserve(claim.uncompressed_size as usize + 1);
            inflate.reset(false);
            match inflate.decompress_vec(packed.data(), bytes, FlushDecompress::Finish) {
                Ok(Status::StreamEnd) => {}
                Ok(_) => return Err(refuse(&"it ends too early or is larger than it says")),
                Err(e) => return Err(refuse(&e)),
            }
        } else if packed.data().len() as u64 == claim.uncompressed_size {
            bytes.extend_from_slice(packed.data());
        }
        let found = ZipVerification { crc: crc32(bytes), uncompressed_size: bytes.len() as u64 };
        claim.valid(found).map_err(|e| refuse(&e))
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
            push(root, files, File { name: names.join("/"), entry: None })?;
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
    let damage = |e: rawzip::Error| not_zip(format!(" ({})", e.to_string().to_lowercase()));
    let archive = ZipArchive::from_slice(bytes).map_err(damage)?;
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    let mut listed = 0;
    for entry in archive.entries() {
        let entry = entry.map_err(damage)?;
        listed += 1;
        let raw = text(entry.file_path().as_bytes());
        let at = || place(path, true, &raw.escape_debug().to_string());
        let Some(name) = safe_name(&raw) else {
            return Err(Error::input(
                at(),
                "has a name that could lead out of the archive, expected a plain path",
            ));
        };
        if entry.is_dir() || name.split('/').any(is_clutter) {
            continue;
        }
        if entry.mode().is_symlink() {
            return Err(unexpected(at(), expected));
        }
        if entry.flags().is_encrypted() {
            return Err(Error::input(at(), "is encrypted, expected an entry that needs no password"));
        }
        let deflated = match entry.compression_method() {
            CompressionMethod::DEFLATE => true,
            CompressionMethod::STORE => false,
            other => {
                return Err(Error::input(
                    at(),
                    damaged(&format!("it is packed by method {}", other.as_u16())),
                ));
            }
        };
        if !seen.insert(name.clone()) {
            return Err(Error::input(at(), "stands twice in the archive, expected it once"));
        }
        push(path, &mut files, File { name, entry: Some(Entry { place: entry.wayfinder(), deflated }) })?;
    }
    // The end of an archive counts its entries, in sixteen bits where it has no more.
    if archive.entries_hint() as u16 != listed as u16 {
        return Err(not_zip(format!(" ({listed} entries where its end counts {})", archive.entries_hint())));
    }
    Ok(Source { path: path.into(), files, zip: Some(archive) })
}

/// The message about an entry that cannot be read.
fn damaged(why: &dyn std::fmt::Display) -> String {
    format!(
        "cannot be unpacked, expected a whole entry, stored or deflated ({})",
        why.to_string().to_lowercase()
    )
}

/// A name in UTF-8, marked so or not; else in the code page that the format fixes for the others, IBM's 437.
fn text(name: &[u8]) -> String {
    const FROM_128: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
                            αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
    let letter = |&byte: &u8| match byte {
        0..128 => char::from(byte),
        _ => FROM_128.chars().nth(usize::from(byte) - 128).expect("128 letters"),
    };
    std::str::from_utf8(name).map_or_else(|_| name.iter().map(letter).collect(), str::to_string)
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

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn names_of_old_archives_are_of_code_page_437() {
        assert_eq!(text(&[0x9a, b'b', 0x81, 0xe1]), "Übüß");
        assert_eq!(text(&[0x80, 0xb0, 0xdf, 0xe0, 0xff]), "Ç░▀α\u{a0}");
        assert_eq!(text("Übüß/日本".as_bytes()), "Übüß/日本");
    }
}
