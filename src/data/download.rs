//! Published archives fetched over HTTP by the system's `curl`, each whole and checked or not at all.
//!
//! ```text
//! NAME.part   grows by what curl's pipe brings; the next try asks for the rest of it (Range)
//! NAME        renamed from it once the MD5 is the published one
//! ```
//!
//! It is this process that writes the part, so that it alone holds the lock on it and counts the bytes, and so that a curl whose
//! reader is gone has nowhere to write to and ends.

use super::progress::{Listener, Progress};
use super::published::{PUBLISHED, Published};
use crate::files::create_folder;
use crate::{Error, Result};
use md5::{Digest, Md5};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// No archive of Omniglot's is nearly as large.
const LARGEST: u64 = 64 << 20;
const AGENT: &str = concat!("twinglyph/", env!("CARGO_PKG_VERSION"));
/// How often a connection may break with less gained than [`LEAST`] asks for.
const TRIES: usize = 3;
/// Bytes a second, over the whole of the patience, below which a connection is as good as none: at a byte a second the
/// largest archive would take four months.
const LEAST: u32 = 256;
/// curl's exit codes for a connection that broke: HTTP/2 framing, fewer bytes than announced, patience at its end, no answer,
/// sending, receiving, an HTTP/2 stream.
const BROKEN: [i32; 7] = [16, 18, 28, 52, 55, 56, 92];
/// Others of them: an answer of 400 or more, a server that ignores ranges, a file that is too large.
const STATUS: i32 = 22;
const NO_RANGES: i32 = 33;
const TOO_LARGE: i32 = 63;

/// What came of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It stood there already, and is the published one.
    Already,
    /// So many bytes were fetched; the rest, where there was one, was there from before.
    Bytes(u64),
}

/// Where files are fetched from, and how.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The address, http or https, that the files are below.
    pub address: &'a str,
    /// How many seconds a connection may take, and how many it may bring next to nothing.
    pub patience: u32,
    /// Hears how many KiB have come.
    pub listener: &'a dyn Listener,
}

/// Fetches a file into `folder`, which is made if need be.
///
/// # Errors
/// When a file of its name is there and is another; when there is no curl; when the server cannot be reached, breaks off, stalls
/// or has no such file; when what comes is not what was published. A connection that breaks off leaves the part that has come.
pub fn fetch(published: &Published, source: &Source, folder: &Path) -> Result<Fetched> {
    create_folder(folder)?;
    let target = folder.join(published.file());
    if target.exists() {
        let found = File::open(&target).and_then(|f| md5_of(&f)).map_err(|e| Error::io(&target, e))?;
        if found == published.md5 {
            return Ok(Fetched::Already);
        }
        let message =
            format!("is there with the MD5 {found}, expected {}; move it away first", published.md5);
        return Err(Error::input(target.display(), message));
    }
    let path = &folder.join(format!("{}.part", published.file()));
    let io = |error| Error::io(path, error);
    let file = OpenOptions::new().create(true).truncate(false).write(true).read(true).open(path);
    let file = file.map_err(io)?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => {
            Error::input(path.display(), "is being downloaded by another process, expected none")
        }
        TryLockError::Error(error) => io(error),
    })?;
    let url = format!("{}/{}", source.address.trim_end_matches('/'), published.path);
    let part = Part { file, path, url, source };
    // None that was left here is as long.
    if part.end()? >= LARGEST {
        part.empty()?;
    }
    let mut longest = part.end()?;
    let mut left = longest > 0;
    let (mut gained, mut idle) = (0, 0);
    while md5_of(&part.file).map_err(io)? != published.md5 {
        let (bytes, broken) = part.ask()?;
        gained += bytes;
        let now = part.end()?;
        if let Some(why) = broken {
            let enough = u64::from(LEAST) * u64::from(source.patience);
            idle = if now > longest + enough { 0 } else { idle + 1 };
            longest = longest.max(now);
            if idle == TRIES {
                let message = format!(
                    "the connection broke off after {now} bytes ({why}); they are kept in {}, and the same command goes on",
                    path.display()
                );
                return Err(Error::input(&part.url, message));
            }
            continue;
        }
        let found = md5_of(&part.file).map_err(io)?;
        if found == published.md5 {
            break;
        }
        part.empty()?;
        // It may be what an earlier try has left that is wrong: once more from the start.
        if !std::mem::take(&mut left) {
            let message =
                format!("came with the MD5 {found}, expected {}; nothing of it was kept", published.md5);
            return Err(Error::input(&part.url, message));
        }
        longest = 0;
    }
    part.file.sync_all().map_err(io)?;
    fs::rename(path, &target).map_err(|error| Error::io(&target, error))?;
    Ok(Fetched::Bytes(gained))
}

/// What has come of a file, and where the rest is.
struct Part<'a> {
    file: File,
    path: &'a Path,
    url: String,
    source: &'a Source<'a>,
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        // One of nothing is of no use; that it cannot be removed adds nothing to the error.
        if self.end().is_ok_and(|end| end == 0) {
            let _ = fs::remove_file(self.path);
        }
    }
}

/// A curl that runs no longer than what reads from it.
struct Curl(Child);

impl Drop for Curl {
    fn drop(&mut self) {
        // One that has ended already is none to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Part<'_> {
    /// Asks for what is missing: the bytes that came and, of a connection that broke off, why.
    fn ask(&self) -> Result<(u64, Option<String>)> {
        let begin = self.end()?;
        let io = |error| Error::io(self.path, error);
        let mut curl = self.curl(begin)?;
        let name = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let progress = Progress::new(self.source.listener, format!("{name}, KiB"), 0);
        let mut pipe = curl.0.stdout.take().expect("it is piped");
        let mut buffer = vec![0; 64 << 10];
        let mut came = 0;
        loop {
            let n = pipe.read(&mut buffer).map_err(io)?;
            if n == 0 {
                break;
            }
            came += n as u64;
            // What a server does not announce, an older curl does not count.
            if begin + came > LARGEST {
                return self.too_large();
            }
            (&self.file).write_all(&buffer[..n]).map_err(io)?;
            progress.reach((begin + came) >> 10);
        }
        let mut said = Vec::new();
        curl.0.stderr.take().expect("it is piped").read_to_end(&mut said).map_err(io)?;
        let status = curl.0.wait().map_err(io)?;
        let why = reason(&String::from_utf8_lossy(&said)).unwrap_or_else(|| status.to_string());
        let code = status.code().unwrap_or(-1);
        // Nothing is left to fetch, or it is no part of this file, or the server sends whole files only: the checksum will tell.
        // To some versions of curl a status of 416 is a success, to others an error.
        let none = code == NO_RANGES || (code == 0 && came == 0) || (code == STATUS && why.contains("416"));
        if begin > 0 && none {
            self.empty()?;
            return Ok((came, Some("the server has no such part".into())));
        }
        match code {
            0 => Ok((came, None)),
            TOO_LARGE => self.too_large(),
            code if BROKEN.contains(&code) => Ok((came, Some(why))),
            _ => {
                let message = format!(
                    "cannot be fetched ({why}), expected a server that has it; see to the address and the network, then try again"
                );
                Err(Error::input(&self.url, message))
            }
        }
    }

    /// Starts it for what follows the first `begin` bytes.
    fn curl(&self, begin: u64) -> Result<Curl> {
        let (patience, least) = (&self.source.patience.to_string(), &LEAST.to_string());
        // Of what is asked for, that is of the rest; 0 would be no bound.
        let largest = &(LARGEST - begin).max(1).to_string();
        let mut curl = Command::new("curl");
        // This one first, or the user's own settings would count.
        curl.args(["--disable", "--silent", "--show-error", "--fail", "--globoff"])
            .args(["--location", "--proto", "=http,https", "--proto-redir", "=http,https"])
            .args(["--connect-timeout", patience, "--speed-limit", least, "--speed-time", patience])
            .args(["--max-filesize", largest, "--user-agent", AGENT, "--url", &self.url]);
        if begin > 0 {
            curl.args(["--continue-at", &begin.to_string()]);
        }
        curl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        curl.spawn().map(Curl).map_err(|error| {
            if error.kind() != ErrorKind::NotFound {
                return Error::io("curl", error);
            }
            let message = format!(
                "is not on the PATH, expected it to fetch {}; install it, or fetch {} from {} into {} by hand, and give the same command again",
                self.url,
                PUBLISHED.map(|published| published.path).join(", "),
                self.source.address,
                self.path.parent().unwrap_or(self.path).display()
            );
            Error::input("curl", message)
        })
    }

    /// The refusal; nothing of it is kept.
    fn too_large<T>(&self) -> Result<T> {
        self.empty()?;
        let message = format!("is larger than {} MiB, expected an archive of Omniglot's", LARGEST >> 20);
        Err(Error::input(&self.url, message))
    }

    /// Goes to the end; how far that is.
    fn end(&self) -> Result<u64> {
        (&self.file).seek(SeekFrom::End(0)).map_err(|error| Error::io(self.path, error))
    }

    fn empty(&self) -> Result<()> {
        self.file.set_len(0).map_err(|error| Error::io(self.path, error))
    }
}

/// What is wrong, of what curl says on stderr: `curl: (6) Could not resolve host`.
fn reason(said: &str) -> Option<String> {
    let (_, why) = said.lines().find_map(|line| line.strip_prefix("curl: (")?.split_once(") "))?;
    Some(why.trim_end().to_string())
}

/// Of a file, in hexadecimal.
fn md5_of(mut file: &File) -> io::Result<String> {
    file.rewind()?;
    let mut hash = Md5::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(&buffer[..n]);
    }
}
