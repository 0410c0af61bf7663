//! Published archives fetched over HTTP, each whole and checked or not at all.
//!
//! ```text
//! NAME.part   grows while the connection lasts; the next try asks for the rest of it (Range)
//! NAME        renamed from it once the MD5 is the published one
//! ```

use super::progress::Progress;
use super::published::Published;
use crate::{Error, Result};
use md5::{Digest, Md5};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

/// No archive of Omniglot's is nearly as large.
const LARGEST: u64 = 64 << 20;
/// For a connection, and for any answer or piece of one.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a connection may break without a byte gained.
const TRIES: usize = 3;

/// What came of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It stood there already, and is the published one.
    Already,
    /// So many bytes were fetched; the rest, where there was one, was there from before.
    Bytes(u64),
}

/// Fetches a file from below `address` into `folder`, which is made if need be.
///
/// # Errors
/// When a file of its name is there and is another; when the server cannot be reached, breaks off or has no such file; when
/// what comes is not what was published. A connection that breaks off leaves the part that has come.
pub fn fetch(published: &Published, address: &str, folder: &Path, quiet: bool) -> Result<Fetched> {
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
    let target = folder.join(published.file());
    if target.exists() {
        let found = md5_of(&target)?;
        if found == published.md5 {
            return Ok(Fetched::Already);
        }
        let message =
            format!("is there with the MD5 {found}, expected {}; move it away first", published.md5);
        return Err(Error::input(target.display(), message));
    }
    let part = folder.join(format!("{}.part", published.file()));
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .open(&part)
        .map_err(|e| Error::io(&part, e))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::input(
                part.display(),
                "is being downloaded by another process, expected none",
            ));
        }
        Err(TryLockError::Error(error)) => return Err(Error::io(&part, error)),
    }
    let request =
        Request { url: format!("{}/{}", address.trim_end_matches('/'), published.path), part: &part, quiet };
    let mut old = length(&file, &part)?;
    let mut gained = 0;
    loop {
        if length(&file, &part)? == 0 || md5_of(&part)? != published.md5 {
            gained += request.whole(&file).inspect_err(|_| {
                // A part of nothing is of no use; that it cannot be removed adds nothing to the error.
                if length(&file, &part).is_ok_and(|length| length == 0) {
                    let _ = fs::remove_file(&part);
                }
            })?;
        }
        let found = md5_of(&part)?;
        if found == published.md5 {
            break;
        }
        // It may be the old part that is wrong: once more from the start.
        if old > 0 {
            old = 0;
            empty(&file, &part)?;
            continue;
        }
        fs::remove_file(&part).map_err(|error| Error::io(&part, error))?;
        let message =
            format!("came with the MD5 {found}, expected {}; nothing of it was kept", published.md5);
        return Err(Error::input(request.url, message));
    }
    file.sync_all().map_err(|error| Error::io(&part, error))?;
    fs::rename(&part, &target).map_err(|error| Error::io(&target, error))?;
    Ok(Fetched::Bytes(gained))
}

/// A file that is asked for, and where it goes.
struct Request<'a> {
    url: String,
    part: &'a Path,
    quiet: bool,
}

/// How a try ended.
enum Try {
    Whole,
    /// The connection broke off; why.
    Broken(String),
}

impl Request<'_> {
    /// Asks until all is there; what each broken connection has brought is kept. The bytes that came.
    fn whole(&self, mut file: &File) -> Result<u64> {
        let mut gained = 0;
        let mut idle = 0;
        let mut longest = length(file, self.part)?;
        loop {
            let (bytes, ended) = self.once(&mut file)?;
            gained += bytes;
            let Try::Broken(why) = ended else { return Ok(gained) };
            let now = length(file, self.part)?;
            idle = if now > longest { 0 } else { idle + 1 };
            longest = longest.max(now);
            if idle == TRIES {
                let name = self.part.display();
                let message = format!(
                    "the connection broke off after {now} bytes ({why}); they are kept in {name}, and the same command goes on"
                );
                return Err(Error::input(&self.url, message));
            }
        }
    }

    /// Asks for what is missing.
    fn once(&self, file: &mut &File) -> Result<(u64, Try)> {
        let refuse = |message: String| Error::input(&self.url, message);
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE))
            .user_agent(concat!("twinglyph/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let before = length(file, self.part)?;
        let mut request = agent.get(&self.url);
        if before > 0 {
            request = request.header("Range", format!("bytes={before}-"));
        }
        let response = match request.call() {
            Ok(response) => response,
            // Broken off before a word was said; an address that cannot be reached or read is another matter.
            Err(ureq::Error::Io(error)) if is_broken(&error) => {
                return Ok((0, Try::Broken(error.to_string())));
            }
            Err(error) => {
                return Err(refuse(format!("cannot be fetched ({error}), expected a server that answers")));
            }
        };
        let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_string);
        let status = response.status();
        let begin = match status.as_u16() {
            200 => 0,
            206 if header("content-range")
                .is_some_and(|range| range.starts_with(&format!("bytes {before}-"))) =>
            {
                before
            }
            // Nothing is left to fetch, or it is not the part of this file: the checksum will tell.
            416 if before > 0 => {
                empty(file, self.part)?;
                return Ok((0, Try::Broken("the server has no such part".into())));
            }
            _ => return Err(refuse(format!("the server says {status}, expected the file"))),
        };
        let expected: Option<u64> = header("content-length").and_then(|length| length.parse().ok());
        if begin.saturating_add(expected.unwrap_or(0)) > LARGEST {
            return Err(refuse(format!(
                "is larger than {} MiB, expected an archive of Omniglot's",
                LARGEST >> 20
            )));
        }
        if begin == 0 {
            empty(file, self.part)?;
        }
        let name = self.part.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let total = begin + expected.unwrap_or(0);
        let progress = Progress::new(self.quiet, format!("{name}, KiB"), total >> 10);
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 64 << 10];
        let mut came = 0;
        loop {
            let n = match body.read(&mut buffer) {
                Ok(0) if expected.is_some_and(|expected| came < expected) => {
                    return Ok((came, Try::Broken("fewer bytes than announced".into())));
                }
                Ok(0) => return Ok((came, Try::Whole)),
                Ok(n) => n,
                Err(error) => return Ok((came, Try::Broken(error.to_string()))),
            };
            came += n as u64;
            if begin + came > LARGEST {
                empty(file, self.part)?;
                return Err(refuse(format!(
                    "is larger than {} MiB, expected an archive of Omniglot's",
                    LARGEST >> 20
                )));
            }
            file.write_all(&buffer[..n]).map_err(|error| Error::io(self.part, error))?;
            progress.reach((begin + came) >> 10);
        }
    }
}

fn is_broken(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof].contains(&error.kind())
}

fn length(file: &File, path: &Path) -> Result<u64> {
    file.metadata().map(|metadata| metadata.len()).map_err(|error| Error::io(path, error))
}

fn empty(file: &File, path: &Path) -> Result<()> {
    file.set_len(0).map_err(|error| Error::io(path, error))
}

/// Of a file, in hexadecimal.
fn md5_of(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|error| Error::io(path, error))?;
    let mut hash = Md5::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let n = file.read(&mut buffer).map_err(|error| Error::io(path, error))?;
        if n == 0 {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(&buffer[..n]);
    }
}
