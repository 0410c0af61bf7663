//! Omniglot as its authors publish it: the archives, their checksums, where they are kept, and the names by which data that
//! was downloaded is found.
//!
//! Source: folder `python` of <https://github.com/brendenlake/omniglot>, branch master.

use crate::files;
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use twinglyph_engine::meant::meant;

/// An archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// What `--data`, `--unseen` and `--runs` may call it.
    pub name: &'static str,
    /// Its address below that of the folder.
    pub path: &'static str,
    /// Its MD5, in hexadecimal.
    pub md5: &'static str,
}

/// Where the archives are.
pub const ADDRESS: &str = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/";

/// All of them.
pub const PUBLISHED: [Published; 5] = [
    Published { name: "omniglot", path: "images_background.zip", md5: "68d2efa1b9178cc56df9314c21c6e718" },
    Published {
        name: "omniglot-evaluation",
        path: "images_evaluation.zip",
        md5: "6b91aef0f799c5bb55b94e3f2daec811",
    },
    Published {
        name: "omniglot-small1",
        path: "images_background_small1.zip",
        md5: "e704a628b5459e08445c13499850abc4",
    },
    Published {
        name: "omniglot-small2",
        path: "images_background_small2.zip",
        md5: "b75a71a51d3b13f821f212756fe481fd",
    },
    Published {
        name: "omniglot-runs",
        path: "one-shot-classification/all_runs.zip",
        md5: "e8996daecdf12afeeb4a53a179f06b19",
    },
];

/// The folder that downloads go to unless told otherwise, and where a note is kept of where they went.
const FOLDER: &str = "omniglot";
const NOTE: &str = "omniglot.path";
/// Names the folder of data in place of the user's own.
const VARIABLE: &str = "TWINGLYPH_DATA";

impl Published {
    /// The file's name.
    pub fn file(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }
}

/// The folder of data: `TWINGLYPH_DATA`, else `twinglyph` in the user's folder for data.
///
/// # Errors
/// When the system does not tell where that is.
pub fn data_home() -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = variable(VARIABLE) {
        return Ok(folder);
    }
    let system = if cfg!(windows) { variable("LOCALAPPDATA") } else { variable("XDG_DATA_HOME") };
    let folder = system.or_else(|| Some(variable("HOME")?.join(".local/share")));
    let message = "is not set and neither is HOME, expected the folder where data is kept";
    folder.map(|folder| folder.join("twinglyph")).ok_or_else(|| Error::input(VARIABLE, message))
}

/// Where downloads go unless told otherwise.
///
/// # Errors
/// As [`data_home`].
pub fn default_folder() -> Result<PathBuf> {
    Ok(data_home()?.join(FOLDER))
}

/// Keeps a note of the folder that downloads went to, so that they are found by name.
///
/// # Errors
/// When it cannot be written.
pub fn remember(folder: &Path) -> Result<()> {
    let home = data_home()?;
    let folder = std::path::absolute(folder).map_err(|error| Error::io(folder, error))?;
    let note = home.join(NOTE);
    let text =
        folder.to_str().ok_or_else(|| Error::input(folder.display(), "is no UTF-8, expected it to be"))?;
    std::fs::create_dir_all(&home).map_err(|error| Error::io(&home, error))?;
    std::fs::write(&note, format!("{text}\n")).map_err(|error| Error::io(&note, error))
}

/// The paths of data, the names of published archives replaced by where they were downloaded to. A file or folder of such a
/// name comes first.
///
/// # Errors
/// When an archive of that name has not been downloaded.
pub fn resolve(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    paths.iter().map(|path| resolve_one(path)).collect()
}

/// One of [`resolve`].
///
/// # Errors
/// As there.
pub fn resolve_one(path: &Path) -> Result<PathBuf> {
    let name = path.to_str().filter(|_| !path.exists());
    let Some(published) = name.and_then(|name| PUBLISHED.iter().find(|published| published.name == name))
    else {
        return match name.filter(|name| name.starts_with("omniglot-")) {
            Some(name) => {
                let known = PUBLISHED.map(|published| published.name);
                let meant = meant(name, known.iter().copied())
                    .map_or(String::new(), |m| format!(" (did you mean {m}?)"));
                Err(Error::input(
                    name,
                    format!("does not exist{meant}, expected a path or one of {}", known.join(", ")),
                ))
            }
            None => Ok(path.to_path_buf()),
        };
    };
    let home = data_home()?;
    let noted = home.join(NOTE);
    let noted =
        files::read(&noted, "a path", 1 << 16).and_then(|bytes| files::text(&noted, "a path", bytes)).ok();
    let folders =
        noted.map(|text| PathBuf::from(text.trim_end_matches('\n'))).into_iter().chain([home.join(FOLDER)]);
    let found = folders.map(|folder| folder.join(published.file())).find(|file| file.is_file());
    found.ok_or_else(|| {
        let message = "has not been downloaded, expected a path, or `twinglyph download` before";
        Error::input(published.name, message)
    })
}
