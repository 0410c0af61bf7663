//! docs/convolution.html is what its sources make, and its module is small.

#[path = "../../../tests/common/skip.rs"]
mod skip;

use convolution_page::assemble;
use skip::skip;
use std::fs;

const AGAIN: &str = "expected what cargo run --release -p convolution-page writes";

#[test]
fn the_page_is_what_its_sources_make_and_asks_for_nothing_from_outside() {
    let page = fs::read_to_string(assemble::page_path()).unwrap();
    let module = assemble::module_of(&page).unwrap();
    assert!(assemble::page(&module) == page, "docs/convolution.html is not of docs/page: {AGAIN}");
    assert!(page.len() < 256 * 1024, "the page has {} bytes", page.len());
    for word in ["http:", "https:", "src=", "@import", "fetch(", "{{"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn the_module_in_the_page_is_what_the_kernels_compile_to() {
    let page = fs::read_to_string(assemble::page_path()).unwrap();
    let committed = assemble::module_of(&page).unwrap();
    let compiled = match assemble::compile() {
        Err(why) if why.contains("rustup target add") => return skip("wasm", &why),
        compiled => compiled.unwrap(),
    };
    if compiled.compiler != committed.compiler {
        let (here, there) = (compiled.compiler, committed.compiler);
        let why = format!("{here} here, {there} in the page; the browser's test compares what it computes");
        return skip("compiler", &why);
    }
    let same = compiled.bytes == committed.bytes;
    assert!(same, "the module in docs/convolution.html is not of these sources: {AGAIN}");
}
