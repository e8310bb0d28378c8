//! The command line of `loadgen search`.

use std::path::PathBuf;

use clap::Args;
use reports::slo::Threshold;

use super::Format;
use crate::rate::Rate;

/// Finds the highest rate at which a condition holds.
///
/// The rate of the load is doubled (or halved, when the first does not hold) until one holds and
/// one does not, these are brought together, and the one that is found has to hold again. Each
/// trial is a run of its own with its own report. docs/measuring.md has what the answer means.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  loadgen search --slo 'delivery:p(99)<50ms' --slo 'lost==0' -- --clients 1000 -d 10s -h 127.0.0.1
      how many publications a second the broker on this machine takes within 50 ms
  loadgen search --slo 'delivery:p(99)<5ms' --start mosquitto -- --topology pairs --clients 20 -d 10s
      the same of a broker that is started for each trial (loadgen compare --list names them)
  loadgen search --slo 'lost==0' --from 1000/s --to 50000/s --tolerance 2% -- --scenario mixed-city
      between two rates; the groups of a scenario keep their proportions

--slo is what --threshold is to a run; all of them must hold. A percentile needs its samples: p(99)
1,000 deliveries, p(99.9) 10,000. Each trial is as long as the load says (-d, --warmup).

Exit status: 0 found (or the upper bound holds); 2 usage; 3 no rate can be named, or a trial could
not be carried out; 4 the generator was the limit, and not the broker; 99 not even the lowest rate
holds; 130 interrupted (what is known is written).")]
pub struct SearchArgs {
    /// What must hold, repeatable: delivery:p(99)<50ms, lost==0, lost<0.1%; with ,abort=2s a trial
    /// ends as soon as it does not
    #[arg(long, value_name = "CONDITION", required = true)]
    pub slo: Vec<Threshold>,
    /// Rate to begin with, and the lowest of interest, in publications per second of all publishers
    /// together [default: begin with the rate of the load, and go down to 1/s where need be]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub from: Option<f64>,
    /// Highest rate of interest [default: as high as it goes]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub to: Option<f64>,
    /// How far the highest rate that holds and the lowest that does not may be apart
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = tolerance)]
    pub tolerance: f64,
    /// How often the rate that is found must hold again
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub confirm: u32,
    /// Broker to start for each trial and to stop after it: a name of compare --list, or a TOML file
    /// [default: the one that the load names, or the embedded one]
    #[arg(long, value_name = "BROKER")]
    pub start: Option<String>,
    /// Folder in which the search gets its own
    #[arg(long, value_name = "DIR", default_value = "reports/runs")]
    pub out: PathBuf,
    /// What is printed on stdout at the end: the answer, or search.json
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// No progress on stderr
    #[arg(long)]
    pub quiet: bool,
    /// The load, as it would be typed after loadgen; its --rate is where the search begins
    #[arg(last = true, value_name = "LOAD", allow_hyphen_values = true)]
    pub load: Vec<String>,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    pub help: Option<bool>,
}

/// `5000` or `5000/s`: a total, for that is what is searched.
fn rate(text: &str) -> Result<f64, String> {
    let is_bare = text.parse::<f64>().is_ok();
    let total = if is_bare { format!("{text}/s") } else { text.to_owned() };
    match total.parse::<Rate>().map_err(|error| error.to_string())? {
        Rate::Total(per_second) => Ok(per_second),
        Rate::Period(_) | Rate::PerClient(_) | Rate::Max => {
            Err("the total of all publishers is searched; write 500/s".to_owned())
        }
    }
}

/// `5%`, or `5`.
fn tolerance(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').trim().parse::<f64>() {
        Ok(percent) if (1.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("must be from 1% to 100%: a trial shows no more than three digits".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(words: &[&str]) -> Result<SearchArgs, String> {
        let line = ["loadgen", "search"].iter().chain(words);
        match Cli::try_parse_from(line).map_err(|error| error.to_string())?.command {
            Some(Command::Search(args)) => Ok(args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_typed_is_understood() {
        let words = "--slo delivery:p(99)<50ms --slo lost==0 --from 500 --to 20000/s --tolerance 2% \
                     --confirm 0 -- --clients 50 -h 127.0.0.1 --rate 1s";
        let args = parse(&words.split_whitespace().collect::<Vec<_>>()).unwrap();
        assert_eq!(
            args.slo.iter().map(Threshold::text).collect::<Vec<_>>(),
            ["delivery:p(99)<50ms", "lost==0"]
        );
        assert_eq!((args.from, args.to), (Some(500.0), Some(20_000.0)));
        assert_eq!((args.tolerance, args.confirm), (0.02, 0));
        assert_eq!(args.load.len(), 6);
        let args = parse(&["--slo", "lost==0"]).unwrap();
        assert_eq!((args.tolerance, args.confirm, args.load.len()), (0.05, 2, 0));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (words, part) in [
            (vec![], "--slo"),
            (vec!["--slo", "losst==0"], "did you mean `lost`?"),
            (vec!["--slo", "lost==0", "--from", "3s"], "write 500/s"),
            (vec!["--slo", "lost==0", "--to", "0"], "greater than zero"),
            (vec!["--slo", "lost==0", "--tolerance", "0.1%"], "from 1% to 100%"),
            (vec!["--slo", "lost==0", "--clients", "5"], "unexpected argument"),
        ] {
            let error = parse(&words).unwrap_err();
            assert!(error.contains(part), "{words:?}: {error}");
        }
    }

    #[test]
    fn the_examples_of_the_help_parse() {
        let help = Cli::try_parse_from(["loadgen", "search", "--help"]).unwrap_err().to_string();
        let examples =
            help.lines().map(str::trim).filter(|line| line.starts_with("loadgen search"));
        let mut count = 0;
        for line in examples {
            let line = line.replace('\'', "");
            parse(&line.split_whitespace().skip(2).collect::<Vec<_>>()).unwrap();
            count += 1;
        }
        assert_eq!(count, 3);
    }
}
