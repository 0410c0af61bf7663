//! `cargo run --release -p convolution-page` compiles the module and writes docs/convolution.html.

use convolution_page::assemble;
use std::fs;
use std::process::ExitCode;

fn main() -> ExitCode {
    let written = assemble::compile().and_then(|module| {
        let (path, page) = (assemble::page_path(), assemble::page(&module));
        fs::write(&path, &page).map_err(|error| format!("{}: {error}", path.display()))?;
        let (kib, module) = (page.len() / 1024, module.bytes.len() / 1024);
        println!("docs/convolution.html: {kib} KiB, its module {module} KiB unpacked");
        Ok(())
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}
