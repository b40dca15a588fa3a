//! Where `dev` keeps its servers' files.

use std::ffi::OsString;
use std::path::PathBuf;

/// Flags and variables of `dev`.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Development")]
pub struct DevArgs {
    /// Folder for the files of the private Redis and Postgres, and for the keys
    /// [default: .dropgate]
    #[arg(long, env = "DROPGATE_DATA_DIR", value_name = "FOLDER")]
    data_dir: Option<OsString>,
}

/// Where `dev` keeps its servers' files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevSettings {
    /// Default `.dropgate` in the working directory. A folder on a slow or remote disk makes
    /// every acknowledgement slow; another folder is another, empty engine.
    pub data_dir: PathBuf,
}

impl DevArgs {
    /// Any path will do; whether it can be used shows when it is.
    #[must_use]
    pub fn resolve(self) -> DevSettings {
        let given = self.data_dir.filter(|folder| !folder.is_empty());
        DevSettings { data_dir: given.map_or_else(|| ".dropgate".into(), PathBuf::from) }
    }
}
