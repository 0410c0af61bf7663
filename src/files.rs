//! Files that others wrote are read up to a bound; files of our own are written whole or not at all.

use crate::{Error, Result};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// What an unfinished file's name ends with, behind a number.
const TEMPORARY: &str = ".tmp";

/// Reads a regular file of at most `largest` bytes; `what` says what it should be, as "a recipe".
///
/// # Errors
/// When it is not there, is a folder, a pipe or a device, or is larger.
pub fn read(path: &Path, what: &str, largest: u64) -> Result<Vec<u8>> {
    let meta = fs::metadata(path).map_err(|error| missing(path, what, error))?;
    // Asked before opening: a pipe would never end.
    if !meta.is_file() {
        let kind = if meta.is_dir() { "a folder" } else { "no regular file" };
        return Err(Error::input(path.display(), format!("is {kind}, expected {what}")));
    }
    read_stream(path, what, largest)
}

/// The same of what may be a pipe as well.
///
/// # Errors
/// When it cannot be read, or has more bytes.
pub fn read_stream(path: &Path, what: &str, largest: u64) -> Result<Vec<u8>> {
    let io = |error| Error::io(path, error);
    let too_large = |size: String| {
        Error::input(path.display(), format!("{size} bytes, expected {what} of at most {largest}"))
    };
    let file = File::open(path).map_err(|error| missing(path, what, error))?;
    let size = file.metadata().map_err(io)?.len();
    if size > largest {
        return Err(too_large(size.to_string()));
    }
    let mut bytes = Vec::with_capacity(size as usize);
    file.take(largest + 1).read_to_end(&mut bytes).map_err(io)?;
    // It may have grown since, and the size of a device says nothing.
    if bytes.len() as u64 > largest { Err(too_large(format!("more than {largest}"))) } else { Ok(bytes) }
}

fn missing(path: &Path, what: &str, error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::input(path.display(), format!("does not exist, expected {what}")),
        _ => Error::io(path, error),
    }
}

/// What [`read`] or [`read_stream`] gave, as text, without a byte-order mark.
///
/// # Errors
/// When it is not UTF-8.
pub fn text(path: &Path, what: &str, bytes: Vec<u8>) -> Result<String> {
    utf8(&bytes, what).map_err(|message| Error::input(path.display(), message))
}

/// The same of a file that the caller names; the error is the rest of a sentence that begins with it.
pub fn utf8(bytes: &[u8], what: &str) -> std::result::Result<String, String> {
    // Letters of most scripts in UTF-16 have a byte 0, and Windows begins the file with a mark.
    if bytes.starts_with(b"\xff\xfe")
        || bytes.starts_with(b"\xfe\xff")
        || bytes.get(..2).is_some_and(|two| two.contains(&0))
    {
        return Err(format!("is text in UTF-16, or none, expected {what} in UTF-8: save it as that"));
    }
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    std::str::from_utf8(text)
        .map(str::to_string)
        .map_err(|_| format!("is no text in UTF-8, expected {what}: save it as UTF-8"))
}

/// Writes a file whole or not at all: beside it under a name of its own, synced, then renamed over it. Where a link is, what
/// it leads to is replaced; a device or a pipe is written to as it stands.
///
/// # Errors
/// When it cannot be written; what stood there before still does.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let io = |error| Error::io(path, error);
    let before = fs::metadata(path).ok();
    if before.as_ref().is_some_and(|meta| !meta.is_file() && !meta.is_dir()) {
        return OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(io);
    }
    let is_link = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
    let target = if is_link { fs::canonicalize(path).ok() } else { None };
    let target = target.as_deref().unwrap_or(path);
    let (temporary, mut file) = create_beside(target).map_err(io)?;
    let written = (|| {
        if let Some(before) = before {
            file.set_permissions(before.permissions())?;
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, target)
    })();
    if let Err(error) = written {
        // What is half-written is of no use; that it cannot be removed either adds nothing to the error.
        let _ = fs::remove_file(&temporary);
        return Err(io(error));
    }
    sync_entry(target)
}

/// Makes a folder and those around it that are missing, or finds it made.
///
/// # Errors
/// When it cannot be made.
pub fn create_folder(path: &Path) -> Result<()> {
    let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let missing: Vec<&Path> = path.ancestors().take_while(missing).collect();
    match fs::create_dir_all(path) {
        Err(error) if !path.is_dir() => return Err(not_made(path, error)),
        _ => {}
    }
    missing.into_iter().try_for_each(sync_entry)
}

/// The error of a folder that cannot be made.
pub fn not_made(folder: &Path, error: std::io::Error) -> Error {
    let sentence =
        format!("the folder cannot be made ({error}), expected one that is there, or a place for it");
    Error::io(folder, std::io::Error::new(error.kind(), sentence))
}

/// A new file `NAME.PROCESS.tmp`, or the first such name with a larger number that is free.
fn create_beside(path: &Path) -> std::io::Result<(PathBuf, File)> {
    let name = path.file_name().unwrap_or_default();
    for number in std::process::id().. {
        let mut temporary = OsString::from(name);
        temporary.push(format!(".{number}{TEMPORARY}"));
        let temporary = path.with_file_name(temporary);
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
            Ok(file) => return Ok((temporary, file)),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// Whether a name is that of a file whose writing was cut off.
pub fn is_unfinished(name: &OsStr) -> bool {
    let number = name.to_str().and_then(|name| name.strip_suffix(TEMPORARY)?.rsplit_once('.'));
    number.is_some_and(|(name, number)| !name.is_empty() && number.parse::<u32>().is_ok())
}

/// Syncs the folder around a file or folder that is new, has a new name or is gone: only then does that last. Not every
/// system can do that with a folder; where one cannot, nothing is done.
///
/// # Errors
/// When the system tried and failed.
pub fn sync_entry(path: &Path) -> Result<()> {
    let folder = std::path::absolute(path).ok().and_then(|path| path.parent().map(File::open));
    let Some(Ok(folder)) = folder else { return Ok(()) };
    match folder.sync_all() {
        Err(error) if ![ErrorKind::InvalidInput, ErrorKind::Unsupported].contains(&error.kind()) => {
            Err(Error::io(path, error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_written_whole_or_not_at_all_and_nothing_else_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomic(&path, b"one").unwrap();
        // Names that another process and a user took.
        let taken =
            [folder.path().join(format!("file.{}.tmp", std::process::id())), folder.path().join("file.tmp")];
        taken.iter().for_each(|path| fs::write(path, "precious").unwrap());
        write_atomic(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert!(taken.iter().all(|path| fs::read(path).unwrap() == b"precious"));
        // What cannot be replaced stays, and what was written for it goes.
        let before = names(folder.path());
        fs::create_dir(folder.path().join("folder")).unwrap();
        fs::write(folder.path().join("folder/inside"), "x").unwrap();
        assert!(write_atomic(&folder.path().join("folder"), b"three").is_err());
        assert_eq!(names(folder.path()).len(), before.len() + 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_a_device_and_permissions_stay_as_they_are() {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "one").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
        symlink("real", &link).unwrap();
        write_atomic(&link, b"two").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(
            (fs::read(&real).unwrap(), fs::metadata(&real).unwrap().permissions().mode() & 0o777),
            (b"two".to_vec(), 0o600)
        );
        // Through a link: were it replaced, the device would still be there.
        let device = folder.path().join("device");
        symlink("/dev/null", &device).unwrap();
        write_atomic(&device, b"three").unwrap();
        assert!(fs::metadata(&device).unwrap().file_type().is_char_device());
        assert!(fs::symlink_metadata(&device).unwrap().is_symlink());
    }

    #[test]
    fn only_a_number_before_the_ending_marks_an_unfinished_file() {
        let unfinished = |name: &str| is_unfinished(OsStr::new(name));
        assert!(unfinished("last.safetensors.123.tmp") && unfinished("a.0.tmp"));
        assert!(
            !unfinished("notes.tmp")
                && !unfinished(".1.tmp")
                && !unfinished("a.x1.tmp")
                && !unfinished("a.1.tmpx")
        );
    }

    #[test]
    fn reading_is_bounded_and_a_file_is_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, "a number", 5).unwrap(), b"12345");
        let said = |result: Result<Vec<u8>>| result.unwrap_err().to_string();
        assert!(said(read(&path, "a number", 4)).ends_with("file: 5 bytes, expected a number of at most 4"));
        assert!(said(read(folder.path(), "a number", 4)).ends_with(": is a folder, expected a number"));
        assert!(
            said(read(&folder.path().join("none"), "a number", 4))
                .ends_with("none: does not exist, expected a number")
        );
        let error = text(&path, "a number", vec![0xff]).unwrap_err().to_string();
        assert!(error.ends_with("file: is no text in UTF-8, expected a number: save it as UTF-8"), "{error}");
        // As Windows saves "5" in Unicode, in both orders, and without a mark.
        for bytes in [&b"\xff\xfe5\0"[..], b"\xfe\xff\x005", b"5\0", b"\x005"] {
            let error = text(&path, "a number", bytes.into()).unwrap_err().to_string();
            assert!(
                error.ends_with("text in UTF-16, or none, expected a number in UTF-8: save it as that"),
                "{error}"
            );
        }
        assert_eq!(text(&path, "a number", b"\xef\xbb\xbf5".into()).unwrap(), "5");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_without_an_end_is_refused() {
        let zero = Path::new("/dev/zero");
        let said = |result: Result<Vec<u8>>| result.unwrap_err().to_string();
        assert_eq!(said(read(zero, "a number", 4)), "/dev/zero: is no regular file, expected a number");
        assert_eq!(
            said(read_stream(zero, "a number", 4)),
            "/dev/zero: more than 4 bytes, expected a number of at most 4"
        );
    }
}
