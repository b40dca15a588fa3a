//! Explores one of the model's bounds to the end and reports: `explore <name> [<mutant>]`.
//!
//! With a mutant it goes on behind the first property that breaks, and names all of them.

use dropgate_model::bounds::{LARGE, SMALL};
use dropgate_model::mutants::Mutant;
use dropgate_model::{Bounds, Dropgate};
use stateright::report::WriteReporter;
use stateright::{Checker, HasDiscoveries, Model};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let mut all = SMALL.iter().chain(&LARGE);
    let Some(bounds) = all.find(|bounds| bounds.name == name) else {
        let names: Vec<_> = SMALL.iter().chain(&LARGE).map(|bounds| bounds.name).collect();
        eprintln!("which bounds? one of: {}", names.join(", "));
        std::process::exit(2);
    };
    let mutant = arguments.next().map(|name| {
        let found = Mutant::ALL.into_iter().find(|mutant| format!("{mutant:?}") == name);
        found.unwrap_or_else(|| {
            eprintln!("which mutant? one of: {:?}", Mutant::ALL);
            std::process::exit(2)
        })
    });
    let model = match mutant {
        None => Dropgate::faithful(*bounds),
        Some(_) => Dropgate { bounds: Bounds { alike: false, ..*bounds }, mutant },
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let finish = if mutant.is_none() { HasDiscoveries::AnyFailures } else { HasDiscoveries::All };
    let checker = model
        .checker()
        .threads(threads)
        .finish_when(finish)
        .spawn_bfs()
        .join_and_report(&mut WriteReporter::new(&mut std::io::stdout()));
    if mutant.is_none() {
        checker.assert_properties();
    }
}
