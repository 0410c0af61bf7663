//! Puts docs/convolution.html together: the page, its style and scripts, and the module, packed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::{DeflateDecoder, DeflateEncoder};
use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const PAGE: &str = include_str!("../page.html");
const STYLE: &str = include_str!("../page.css");
const SCRIPTS: [&str; 8] = [
    include_str!("../js/engine.js"),
    include_str!("../js/state.js"),
    include_str!("../js/links.js"),
    include_str!("../js/sums.js"),
    include_str!("../js/tables.js"),
    include_str!("../js/view.js"),
    concat!(include_str!("../js/trust.js"), "\n", include_str!("../js/walk.js")),
    include_str!("../js/page.js"),
];

const TARGET: &str = "wasm32-unknown-unknown";
/// What stands on the page before and after the packed module.
const MODULE: [&str; 2] = ["<script type=\"text/plain\" id=\"module\" data-compiler=\"", "</script>"];

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where the page is.
pub fn page_path() -> PathBuf {
    root().join("docs/convolution.html")
}

/// A module and the compiler that made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    /// WebAssembly.
    pub bytes: Vec<u8>,
    /// `rustc 1.95.0`.
    pub compiler: String,
}

/// Compiles the module from the workspace's sources.
///
/// # Errors
/// What is missing and what to type, or what cargo said.
pub fn compile() -> Result<Module, String> {
    let compiler = said(Command::new("rustc").arg("-V"))?;
    let compiler = compiler.split(" (").next().unwrap_or_default().trim().to_string();
    let libraries = said(Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]))?;
    if !Path::new(libraries.trim()).is_dir() {
        return Err(format!("the compiler cannot build for {TARGET}, expected: rustup target add {TARGET}"));
    }
    // Messages of panics name source files; those of packages would name this machine's folders.
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let sources = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let folders = sources.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let flags: Vec<String> =
        folders.map(|folder| format!("--remap-path-prefix={}=packages", folder.display())).collect();
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root()).env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")).args([
        "build",
        "--quiet",
        "--package=convolution-page",
        "--lib",
        "--profile=wasm",
        "--target",
        TARGET,
        "--target-dir=target",
    ]);
    said(&mut cargo)?;
    let path = root().join("target").join(TARGET).join("wasm/convolution_page.wasm");
    let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Module { bytes, compiler })
}

/// What a command wrote.
fn said(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_string());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The page with a module in it.
pub fn page(module: &Module) -> String {
    let mut packer = DeflateEncoder::new(Vec::new(), Compression::best());
    packer.write_all(&module.bytes).expect("a vector takes all");
    let packed = STANDARD.encode(packer.finish().expect("a vector takes all"));
    let [before, after] = MODULE;
    PAGE.replace("{{style}}", STYLE)
        .replace("{{scripts}}", &SCRIPTS.join("\n"))
        .replace("{{module}}", &format!("{before}{}\">{packed}{after}", module.compiler))
}

/// The module in a page.
///
/// # Errors
/// There is none that could be read.
pub fn module_of(page: &str) -> Result<Module, String> {
    let none =
        || "docs/convolution.html: has no module, expected one as cargo run -p convolution-page writes it";
    let rest = page.split_once(MODULE[0]).ok_or_else(none)?.1;
    let (compiler, rest) = rest.split_once("\">").ok_or_else(none)?;
    let packed = STANDARD.decode(rest.split_once(MODULE[1]).ok_or_else(none)?.0).map_err(|_| none())?;
    let mut unpacker = DeflateDecoder::new(Vec::new());
    unpacker.write_all(&packed).map_err(|_| none())?;
    let bytes = unpacker.finish().map_err(|_| none())?;
    Ok(Module { bytes, compiler: compiler.to_string() })
}
