//! `dropgate config`: what is in force.

use crate::config::{Config, unknown_variables};

/// 0 when `serve` could start with it; 2 when a setting is wrong.
pub(super) fn run(config: Config) -> u8 {
    match config.resolve() {
        Ok(shown) => {
            print!("{shown}");
            for name in unknown_variables() {
                eprintln!("dropgate: {name} is no setting; `dropgate serve --help` lists them");
            }
            0
        }
        Err(error) => {
            eprintln!("dropgate: {error}");
            2
        }
    }
}
