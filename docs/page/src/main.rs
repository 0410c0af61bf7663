//! `cargo run --release -p twinglyph-page`: compiles the lesson to WebAssembly and writes docs/convolution.html, one file that
//! needs no server and no network.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

const TARGET: &str = "wasm32-unknown-unknown";

/// The page around a module.
fn page(folder: &Path, module: &[u8]) -> Result<String, String> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let scripts = ["engine.js", "state.js", "links.js", "tables.js", "page.js"].map(read);
    let scripts = scripts.into_iter().collect::<Result<Vec<_>, _>>()?.join("\n");
    let page = read("page.html")?;
    Ok(page
        .replace("/* page.css */", &read("page.css")?)
        .replace("/* scripts */", &scripts)
        .replace("/* module */", &STANDARD.encode(module)))
}

/// The module inside a page.
fn module_of(page: &str) -> Option<Vec<u8>> {
    let (_, rest) = page.split_once("id=\"module\">")?;
    STANDARD.decode(rest.split_once("</script>")?.0.trim()).ok()
}

/// Compiles the lesson; paths of this machine do not get into it.
fn compile(root: &Path) -> Result<Vec<u8>, String> {
    let home = env::var("CARGO_HOME").or_else(|_| env::var("HOME").map(|home| home + "/.cargo"));
    let remap = |from: &str, to: &str| format!("--remap-path-prefix={from}={to}");
    let flags =
        [remap(&home.unwrap_or_default(), "cargo"), remap(&root.display().to_string(), ".")].join(" ");
    let status = Command::new(env::var("CARGO").unwrap_or("cargo".into()))
        .args(["build", "--quiet", "--lib", "--profile", "page", "--target", TARGET, "-p", "twinglyph-page"])
        .env("RUSTFLAGS", flags)
        .current_dir(root)
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err(format!(
            "the lesson could not be compiled; is the target there? rustup target add {TARGET}"
        ));
    }
    let target = env::var("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let module = root.join(target).join(TARGET).join("page/twinglyph_page.wasm");
    fs::read(&module).map_err(|error| format!("{}: {error}", module.display()))
}

fn run(arguments: &[String]) -> Result<(), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root: PathBuf = folder.join("../..").components().collect();
    let root = fs::canonicalize(&root).map_err(|error| format!("{}: {error}", root.display()))?;
    let out = root.join("docs/convolution.html");
    let old = fs::read_to_string(&out).ok();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => {
            let module = compile(&root)?;
            let page = page(folder, &module)?;
            fs::write(&out, &page).map_err(|error| format!("{}: {error}", out.display()))?;
            println!("{}: {} bytes, of which the module {}", out.display(), page.len(), module.len());
            Ok(())
        }
        // Text and script must be those of the sources; the module itself is held against the engine by a test.
        ["check"] => {
            let old = old.ok_or("docs/convolution.html is missing, expected it beside docs/page")?;
            let module = module_of(&old).ok_or("docs/convolution.html holds no module")?;
            if page(folder, &module)? != old {
                return Err(
                    "docs/convolution.html is not current: cargo run --release -p twinglyph-page".into()
                );
            }
            Ok(())
        }
        _ => Err("usage: twinglyph-page [check]".into()),
    }
}

fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(said) => {
            eprintln!("{said}");
            ExitCode::FAILURE
        }
    }
}
