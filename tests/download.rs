//! Downloads from a server on this machine: whole, cut off, gone on with, stalled, wrong, missing; and data found by its name.

mod common;

use common::{fail, glyphs, omniglot, train, twinglyph, write_omniglot};
use md5::{Digest, Md5};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use twinglyph::data::download::{Fetched, Source, fetch};
use twinglyph::data::published::{ADDRESS, PUBLISHED, Published};

/// What was asked for: the path, and where the range begins.
type Asked = (String, Option<usize>);

/// For what ought to come at once: only a test that fails waits as long.
const ENOUGH: Duration = Duration::from_secs(40);

/// A server that gives each request, counted from 0, to `answer` and sends what that returns, then hangs up.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    fn new(answer: impl Fn(usize, &Asked) -> Vec<u8> + Send + 'static) -> Server {
        Server::talking(move |count, asked, stream| {
            let _ = stream.write_all(&answer(count, asked));
        })
    }

    /// One that keeps on sending, little by little, and says when it no longer can.
    fn endless(length: usize) -> (Server, mpsc::Receiver<()>) {
        let (gone, when) = mpsc::channel();
        let server = Server::talking(move |_, _, stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            while stream.write_all(&vec![b'x'; length]).is_ok() {
                std::thread::sleep(Duration::from_micros(100));
            }
            gone.send(()).unwrap();
        });
        (server, when)
    }

    fn talking(talk: impl Fn(usize, &Asked, &mut TcpStream) + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for (count, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let path = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_string();
                let mut range = None;
                for line in lines.take_while(|line| !line.is_empty()) {
                    if let Some(begin) = line.to_lowercase().strip_prefix("range: bytes=") {
                        range = Some(begin.trim_end_matches('-').parse().unwrap());
                    }
                }
                let one = (path, range);
                log.lock().unwrap().push(one.clone());
                talk(count, &one, &mut stream);
            }
        });
        Server { address, asked }
    }

    fn get(&self, published: &Published, folder: &Path) -> twinglyph::Result<Fetched> {
        get(published, &self.address, 30, folder)
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn get(published: &Published, address: &str, patience: u32, folder: &Path) -> twinglyph::Result<Fetched> {
    fetch(published, &Source { address, patience, listener: &() }, folder)
}

/// An answer with so many bytes announced and `body` sent.
fn response(status: &str, announced: usize, more: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {announced}\r\nConnection: close\r\n{more}\r\n");
    [head.as_bytes(), body].concat()
}

/// As a server that knows ranges.
fn part(body: &[u8], range: Option<usize>, most: usize) -> Vec<u8> {
    let begin = range.unwrap_or(0);
    let Some(rest) = body.get(begin..).filter(|rest| !rest.is_empty()) else {
        return response("416 Range Not Satisfiable", 0, "", b"");
    };
    let sent = &rest[..most.min(rest.len())];
    match range {
        None => response("200 OK", rest.len(), "", sent),
        Some(_) => {
            let more = format!("Content-Range: bytes {begin}-{}/{}\r\n", body.len() - 1, body.len());
            response("206 Partial Content", rest.len(), &more, sent)
        }
    }
}

/// A file that nobody has published, of 300,000 bytes.
fn archive() -> (Vec<u8>, Published) {
    let body: Vec<u8> = (0..300_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let md5: String = Md5::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    (body, Published { name: "omniglot", path: "deep/images.zip", md5: md5.leak() })
}

#[test]
fn a_file_is_fetched_checked_and_not_fetched_again() {
    let (body, published) = archive();
    let sent = body.clone();
    let server = Server::new(move |_, asked| part(&sent, asked.1, usize::MAX));
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("new/folder");
    assert_eq!(server.get(&published, &folder).unwrap(), Fetched::Bytes(300_000));
    assert!(fs::read(folder.join("images.zip")).unwrap() == body);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    assert_eq!(server.get(&published, &folder).unwrap(), Fetched::Already);
    assert_eq!(server.asked(), [("/deep/images.zip".to_string(), None)]);
    // A file of its name that is another is the user's.
    fs::write(folder.join("images.zip"), "mine").unwrap();
    let error = server.get(&published, &folder).unwrap_err().to_string();
    assert!(
        error.contains("images.zip: is there with the MD5 ") && error.ends_with("move it away first"),
        "{error}"
    );
    assert_eq!(fs::read(folder.join("images.zip")).unwrap(), b"mine");
}

#[test]
fn a_connection_that_is_cut_goes_on_where_it_was() {
    let (body, published) = archive();
    let sent = body.clone();
    // Each connection brings 100,000 bytes.
    let server = Server::new(move |_, asked| part(&sent, asked.1, 100_000));
    let temp = tempfile::tempdir().unwrap();
    assert_eq!(server.get(&published, temp.path()).unwrap(), Fetched::Bytes(300_000));
    let ranges: Vec<Option<usize>> = server.asked().into_iter().map(|asked| asked.1).collect();
    assert_eq!(ranges, [None, Some(100_000), Some(200_000)]);
    assert!(fs::read(temp.path().join("images.zip")).unwrap() == body);
}

#[test]
fn what_an_earlier_try_has_left_is_gone_on_with() {
    let (body, published) = archive();
    let sent = body.clone();
    let server = Server::new(move |count, asked| match count {
        0 => part(&sent, asked.1, 1234),
        // Nothing more comes, three times over: that try is at its end.
        1..=3 => response("206 Partial Content", 9, "Content-Range: bytes 1234-1242/300000\r\n", b""),
        _ => part(&sent, asked.1, usize::MAX),
    });
    let temp = tempfile::tempdir().unwrap();
    let error = server.get(&published, temp.path()).unwrap_err().to_string();
    assert!(error.contains("/deep/images.zip: the connection broke off after 1234 bytes ("), "{error}");
    assert!(error.ends_with("the same command goes on"), "{error}");
    assert_eq!(fs::read(temp.path().join("images.zip.part")).unwrap(), body[..1234]);
    assert_eq!(server.get(&published, temp.path()).unwrap(), Fetched::Bytes(300_000 - 1234));
    assert_eq!(server.asked().last().unwrap().1, Some(1234));
    assert!(fs::read(temp.path().join("images.zip")).unwrap() == body);
    assert!(!temp.path().join("images.zip.part").exists());
}

#[test]
fn a_part_that_is_wrong_or_cannot_be_gone_on_with_is_fetched_from_the_start() {
    let (body, published) = archive();
    let sent = body.clone();
    let knows = Server::new(move |_, asked| part(&sent, asked.1, usize::MAX));
    let sent = body.clone();
    let ignores = Server::new(move |_, _| part(&sent, None, usize::MAX));
    let sent = body.clone();
    let refuses = Server::new(move |_, asked| match asked.1 {
        Some(_) => response("416 Range Not Satisfiable", 6, "", b"sorry\n"),
        None => part(&sent, None, usize::MAX),
    });
    let sent = body.clone();
    // Of another part than was asked for, and of nothing.
    let confused = Server::new(move |_, asked| match asked.1 {
        Some(_) => response("206 Partial Content", 4, "Content-Range: bytes 3-6/300000\r\n", b"what"),
        None => part(&sent, None, usize::MAX),
    });
    for server in [knows, ignores, refuses, confused] {
        for left in [vec![7; 1000], body.clone(), vec![7; 300_000], vec![7; 64 << 20]] {
            let temp = tempfile::tempdir().unwrap();
            let missing = if left == body { 0 } else { 299_000 };
            fs::write(temp.path().join("images.zip.part"), left).unwrap();
            let Fetched::Bytes(bytes) = server.get(&published, temp.path()).unwrap() else {
                panic!("nothing was there");
            };
            assert!(bytes >= missing, "{bytes}");
            assert!(fs::read(temp.path().join("images.zip")).unwrap() == body);
        }
    }
}

#[test]
fn what_is_wrong_missing_or_out_of_reach_is_said_and_leaves_nothing() {
    let (body, published) = archive();
    let mut wrong = body.clone();
    wrong[77] ^= 1;
    let temp = tempfile::tempdir().unwrap();
    let refused = |server: &Server| server.get(&published, temp.path()).unwrap_err().to_string();
    let error = refused(&Server::new(move |_, asked| part(&wrong, asked.1, usize::MAX)));
    assert!(
        error.contains("deep/images.zip: came with the MD5 ") && error.contains(published.md5),
        "{error}"
    );
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
    let missing = Server::new(|_, _| response("404 Not Found", 0, "", b""));
    let error = refused(&missing);
    assert!(error.contains("deep/images.zip: cannot be fetched (") && error.contains("404"), "{error}");
    assert!(error.contains("expected a server that has it; see to the address"), "{error}");
    assert_eq!(missing.asked().len(), 1);
    let error = refused(&Server::new(|_, _| response("200 OK", (64 << 20) + 1, "", b"")));
    assert!(error.ends_with("is larger than 64 MiB, expected an archive of Omniglot's"), "{error}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed =
        Server { address: format!("http://{}", listener.local_addr().unwrap()), asked: Arc::default() };
    drop(listener);
    let error = refused(&closed);
    assert!(error.contains("cannot be fetched (") && error.contains("expected a server that has"), "{error}");
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
    // What has come before stays where the server is at fault.
    fs::write(temp.path().join("images.zip.part"), &body[..1234]).unwrap();
    refused(&Server::new(|_, _| response("503 Service Unavailable", 0, "", b"")));
    refused(&closed);
    assert_eq!(fs::read(temp.path().join("images.zip.part")).unwrap(), body[..1234]);
    // And where another process is at it.
    let held = fs::OpenOptions::new().append(true).open(temp.path().join("images.zip.part")).unwrap();
    held.lock().unwrap();
    let error = refused(&missing);
    assert!(
        error.ends_with("images.zip.part: is being downloaded by another process, expected none"),
        "{error}"
    );
    assert_eq!(missing.asked().len(), 1);
    assert_eq!(fs::read(temp.path().join("images.zip.part")).unwrap(), body[..1234]);
}

#[test]
fn a_server_that_stalls_is_left_and_what_it_sent_is_kept() {
    let (body, published) = archive();
    let sent = body.clone();
    let held = Mutex::new(Vec::new());
    // The connections stay open.
    let server = Server::talking(move |count, asked, stream| {
        if count == 0 || count > 3 {
            stream.write_all(&part(&sent, asked.1, if count == 0 { 1000 } else { usize::MAX })).unwrap();
        }
        held.lock().unwrap().push(stream.try_clone().unwrap());
    });
    let temp = tempfile::tempdir().unwrap();
    let error = get(&published, &server.address, 1, temp.path()).unwrap_err().to_string();
    assert!(error.contains("/deep/images.zip: the connection broke off after 1000 bytes ("), "{error}");
    assert_eq!(server.asked().len(), 4);
    assert_eq!(fs::read(temp.path().join("images.zip.part")).unwrap(), body[..1000]);
    assert_eq!(get(&published, &server.address, 1, temp.path()).unwrap(), Fetched::Bytes(299_000));
    assert!(fs::read(temp.path().join("images.zip")).unwrap() == body);
}

#[test]
fn a_server_that_sends_a_few_bytes_a_second_is_left_too() {
    let (body, published) = archive();
    let sent = body.clone();
    let server = Server::talking(move |_, asked, stream| {
        // The answer's head, and then bytes one by one for as long as somebody listens.
        let whole = part(&sent, asked.1, usize::MAX);
        let head = whole.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let mut left = whole[head..].iter();
        let mut begun = stream.write_all(&whole[..head]);
        while let (Ok(()), Some(&byte)) = (&begun, left.next()) {
            std::thread::sleep(std::time::Duration::from_millis(50));
            begun = stream.write_all(&[byte]);
        }
    });
    let temp = tempfile::tempdir().unwrap();
    let error = get(&published, &server.address, 1, temp.path()).unwrap_err().to_string();
    assert!(error.contains("the connection broke off after"), "{error}");
    assert_eq!(server.asked().len(), 3);
    let kept = fs::read(temp.path().join("images.zip.part")).unwrap();
    assert!(!kept.is_empty() && body.starts_with(&kept), "{}", kept.len());
}

#[test]
fn redirects_lead_to_http_alone_and_addresses_are_taken_as_they_stand() {
    let (body, published) = archive();
    let temp = tempfile::tempdir().unwrap();
    let sent = body.clone();
    // Also in the middle of the file.
    let server = Server::new(move |_, asked| match asked.0.contains("moved") {
        true => part(&sent, asked.1, 200_000),
        false => response("302 Found", 4, "Location: /moved\r\n", b"away"),
    });
    let address = format!("{}{{a,b}}[1-2]", server.address);
    assert_eq!(get(&published, &address, 30, temp.path()).unwrap(), Fetched::Bytes(300_000));
    let begun = "/{a,b}[1-2]/deep/images.zip".to_string();
    let expected = [(&begun, None), (&"/moved".to_string(), None)];
    assert_eq!(server.asked()[..2], expected.map(|(path, range)| (path.clone(), range)));
    assert_eq!(server.asked()[2..], [(begun, Some(200_000)), ("/moved".to_string(), Some(200_000))]);
    assert!(fs::read(temp.path().join("images.zip")).unwrap() == body);

    // The right file, but not a server's.
    fs::create_dir(temp.path().join("deep")).unwrap();
    fs::rename(temp.path().join("images.zip"), temp.path().join("deep/images.zip")).unwrap();
    let local = format!("file://{}", temp.path().display());
    let away = format!("Location: {local}/deep/images.zip\r\n");
    let server = Server::new(move |_, _| response("302 Found", 0, &away, b""));
    for address in [&server.address, &local] {
        let error = get(&published, address, 30, temp.path()).unwrap_err().to_string();
        assert!(error.contains("/deep/images.zip: cannot be fetched ("), "{error}");
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    }
}

#[test]
fn curl_ends_with_what_started_it() {
    let (_, published) = archive();
    let temp = tempfile::tempdir().unwrap();
    let (server, gone) = Server::endless(1 << 20);
    let error = server.get(&published, temp.path()).unwrap_err().to_string();
    assert!(error.ends_with("is larger than 64 MiB, expected an archive of Omniglot's"), "{error}");
    gone.recv_timeout(ENOUGH).unwrap();
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
    // Slow enough that the size does not end it.
    let (server, gone) = Server::endless(64);
    let mut program = program(temp.path(), &["download", "--quiet", "--from", &server.address]);
    let mut child = program.stderr(Stdio::null()).spawn().unwrap();
    let part = temp.path().join("home/omniglot/images_background.zip.part");
    while !fs::metadata(&part).is_ok_and(|part| part.len() > 0) {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    gone.recv_timeout(ENOUGH).unwrap();
    let left = fs::metadata(&part).unwrap().len();
    assert!(left > 0 && left < 64 << 20, "{left}");
}

/// The program with a folder of data of its own.
fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twinglyph"));
    command.current_dir(folder).env("TWINGLYPH_DATA", folder.join("home")).args(arguments);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    program(folder, arguments).output().unwrap()
}

#[test]
fn the_command_says_what_is_wrong_and_ends_with_the_right_code() {
    let temp = tempfile::tempdir().unwrap();
    let said = fail(temp.path(), &["download", "--from", "ftp://somewhere"], 2);
    assert!(said.contains("--from ftp://somewhere: expected an address that begins with https://"), "{said}");
    let server = Server::new(|_, _| response("200 OK", 4, "", b"what"));
    let mut program = program(temp.path(), &["download", "--from", &server.address]);
    // The user's settings of curl are not ours.
    fs::write(temp.path().join(".curlrc"), "output = stolen\nrange = 0-1\n").unwrap();
    for variable in ["HOME", "CURL_HOME", "XDG_CONFIG_HOME"] {
        program.env(variable, temp.path());
    }
    let output = program.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(
            "images_background.zip: came with the MD5 4a2028eceac5e1f4d252ea13c71ecec6, expected 68d2"
        ),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(server.asked(), [("/images_background.zip".to_string(), None)]);
    assert!(!temp.path().join("stolen").exists());
    assert_eq!(fs::read_dir(temp.path().join("home/omniglot")).unwrap().count(), 0);
}

/// Windows looks for programs in places of its own as well.
#[cfg(unix)]
#[test]
fn without_curl_the_command_says_what_to_do() {
    let temp = tempfile::tempdir().unwrap();
    let output = program(temp.path(), &["download"]).env("PATH", temp.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let url = format!("{ADDRESS}images_background.zip");
    assert!(
        said.contains(&format!("curl: is not on the PATH, expected it to fetch {url}; install it, or ")),
        "{said}"
    );
    let folder = temp.path().join("home/omniglot");
    let by_hand =
        format!("one-shot-classification/all_runs.zip from {ADDRESS} into {} by hand", folder.display());
    assert!(said.contains(&by_hand), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_published_archive_has_the_published_checksum() {
    let Some(shared) = omniglot() else { return };
    let small = PUBLISHED.into_iter().find(|published| published.name == "omniglot-small1").unwrap();
    let body = fs::read(shared.join(small.file())).unwrap();
    let sent = body.clone();
    let server = Server::new(move |_, asked| part(&sent, asked.1, 1 << 20));
    let temp = tempfile::tempdir().unwrap();
    let fetched = server.get(&small, temp.path()).unwrap();
    assert_eq!(fetched, Fetched::Bytes(body.len() as u64));
}

#[test]
fn what_was_downloaded_is_found_by_its_name() {
    let temp = tempfile::tempdir().unwrap();
    let at = |name: &str| temp.path().join(name);
    let small =
        |arguments: &[&'static str]| train(arguments).into_iter().map(str::to_string).collect::<Vec<_>>();
    let go =
        |arguments: &[String]| run(temp.path(), &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let arguments = small(&["--data", "omniglot", "--out", "run", "--quiet"]);
    let output = go(&arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("omniglot: has not been downloaded, expected a path, or `twinglyph download` before"),
        "{said}"
    );
    assert!(!at("run").exists());
    let said = String::from_utf8(go(&small(&["--data", "omniglot-small3"])).stderr).unwrap();
    assert!(said.contains("omniglot-small3: does not exist (did you mean omniglot-small1?)"), "{said}");

    // An archive in the default folder, then one that a note leads to. A folder is data as well as a zip.
    write_omniglot(&glyphs(5, 1), &at("home/omniglot/images_background.zip"));
    // It is no file, so it is not taken for a download.
    assert!(!go(&arguments).status.success());
    fs::remove_dir_all(at("home")).unwrap();
    let archive = zipped(&glyphs(5, 1));
    fs::create_dir_all(at("home/omniglot")).unwrap();
    fs::write(at("home/omniglot/images_background.zip"), &archive).unwrap();
    let output = go(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let config = fs::read_to_string(at("run/config.toml")).unwrap();
    assert!(config.contains("home/omniglot/images_background.zip"), "{config}");
    fs::remove_dir_all(at("home/omniglot")).unwrap();
    fs::create_dir(at("elsewhere")).unwrap();
    fs::write(at("elsewhere/images_background.zip"), &archive).unwrap();
    fs::write(at("home/omniglot.path"), format!("{}\n", at("elsewhere").display())).unwrap();
    let evaluate = ["evaluate", "run", "--data", "omniglot", "--pairs", "20"];
    assert!(run(temp.path(), &evaluate).status.success());
    // What is called so in the user's own folder comes first.
    write_omniglot(&glyphs(4, 2), &at("omniglot"));
    let said = String::from_utf8(run(temp.path(), &evaluate).stderr).unwrap();
    assert!(!said.is_empty());
    assert!(twinglyph(temp.path(), &["download", "--help"]).status.success());
}

/// Glyphs as an archive of Omniglot's layout.
fn zipped(set: &twinglyph::data::Dataset) -> Vec<u8> {
    let temp = tempfile::tempdir().unwrap();
    write_omniglot(set, temp.path());
    let set = twinglyph::data::omniglot::load(&[temp.path().into()], &()).unwrap();
    let mut archive = rawzip::ZipArchiveWriter::new(Vec::new());
    for i in 0..set.glyphs().len() {
        let name = set.path(i);
        let (mut entry, config) = archive.new_file(&*format!("images_background/{name}")).start().unwrap();
        let mut writer = config.wrap(&mut entry);
        writer.write_all(&fs::read(temp.path().join(name)).unwrap()).unwrap();
        let (_, sizes) = writer.finish().unwrap();
        entry.finish(sizes).unwrap();
    }
    archive.finish().unwrap()
}
