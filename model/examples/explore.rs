//! Explores one of the model's bounds to the end and reports: `explore <name>`.

use dropgate_model::Dropgate;
use dropgate_model::bounds::{LARGE, SMALL};
use stateright::report::WriteReporter;
use stateright::{Checker, HasDiscoveries, Model};

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let mut all = SMALL.iter().chain(&LARGE);
    let Some(bounds) = all.find(|bounds| bounds.name == name) else {
        let names: Vec<_> = SMALL.iter().chain(&LARGE).map(|bounds| bounds.name).collect();
        eprintln!("which bounds? one of: {}", names.join(", "));
        std::process::exit(2);
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = Dropgate::faithful(*bounds)
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join_and_report(&mut WriteReporter::new(&mut std::io::stdout()));
    checker.assert_properties();
}
