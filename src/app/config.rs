//! `dropgate config`: what is in force.

use crate::config::Config;

/// 0 when `serve` could start with it; 2 when a setting is wrong.
pub(super) fn run(config: Config) -> u8 {
    match config.resolve() {
        Ok(shown) => {
            print!("{shown}");
            0
        }
        Err(error) => {
            eprintln!("dropgate: {error}");
            2
        }
    }
}
