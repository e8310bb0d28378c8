//! The command line of `loadgen compare`.

use std::path::PathBuf;

use clap::Args;

use super::Format;

/// Runs one load against several brokers in turn, again and again, and prints one table.
///
/// Each broker is started for its round and stopped after it. A figure is the median over the
/// rounds with the least and the greatest beside it; ratios are formed within a round, so that a
/// machine that drifts does not decide.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  loadgen compare kelvin mosquitto rumqttd --rounds 3 -- --clients 5000 --rate 3s
  loadgen compare kelvin my-broker.toml -- --topology pairs --clients 20 --rate 100000/s -q 1
  loadgen compare here=mqtt://10.0.0.5:1883 there=mqtt://10.0.0.6:1883 -- --clients 200
  loadgen compare --list

A description file has these keys:
  command = [\"PROGRAM\", \"ARGUMENT\", ...]  with {port}, {port2}, {dir} and {config};
                                          for TLS {tls_port}, {cert} and {key}
  config = \"\"\"...\"\"\"                      text of its configuration file, with the same
  config_name, environment, version, install, about, ready_seconds

Exit status: 0 done; 2 usage; 3 a broker could not be measured in some round (the table says
which and why); 130 interrupted.")]
pub struct CompareArgs {
    /// Brokers: a name of --list, a TOML file, the URL of one that runs, or NAME=FILE, NAME=URL.
    /// The first is what ratios refer to
    #[arg(value_name = "BROKER", required_unless_present = "list")]
    pub brokers: Vec<String>,
    /// The load that every broker gets, as it would be typed after loadgen
    #[arg(last = true, value_name = "LOAD", allow_hyphen_values = true)]
    pub load: Vec<String>,
    /// How often everybody gets a turn
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Folder in which the comparison gets its own
    #[arg(long, value_name = "DIR", default_value = "reports/runs")]
    pub out: PathBuf,
    /// CPUs on which the brokers run, as taskset takes them: 0 or 2-5,8. With --load-cpus nobody takes
    /// the other's, and a broker of several threads has no more than one of one thread
    #[arg(long, value_name = "LIST", value_parser = cpus)]
    pub broker_cpus: Option<String>,
    /// CPUs on which the load runs
    #[arg(long, value_name = "LIST", value_parser = cpus)]
    pub load_cpus: Option<String>,
    /// What is printed on stdout at the end
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// No progress on stderr
    #[arg(long)]
    pub quiet: bool,
    /// Print the brokers that are known by name, and whether they are installed
    #[arg(long)]
    pub list: bool,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    pub help: Option<bool>,
}

/// A list of CPUs, as far as its form goes.
fn cpus(text: &str) -> Result<String, String> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_range = |part: &str| part.splitn(2, '-').all(is_number);
    if text.split(',').all(is_range) {
        Ok(text.to_owned())
    } else {
        Err("write numbers and ranges with commas between them, as 0 or 2-5,8".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_numbers_and_ranges() {
        for list in ["0", "12", "0-3", "0,2-5,8"] {
            assert_eq!(cpus(list).as_deref(), Ok(list));
        }
        for list in ["", "a", "1,", "-1", "1-", "1-2-3", "0 1"] {
            assert!(cpus(list).is_err(), "{list}");
        }
    }
}
