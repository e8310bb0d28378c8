//! The page of one run.

use maud::{Markup, html};

use super::glossary::{self, term};
use super::over_time::OverTime;
use super::{distribution, document, ledger, row, verdict};
use crate::text::{absent, cpu_per_delivery, delivery_rate, latency_cells, what_ran, where_it_ran};
use crate::units::{bytes, count, microseconds, rate, seconds, share};
use crate::{BrokerUse, Run, Summary};

/// Renders the page of a run: one file, the same bytes for the same run.
pub fn render_html(run: &Run) -> String {
    let summary = &run.summary;
    let over_time = OverTime::of(run);
    let heading = html! {
        h1 { (what_ran(&summary.config).replacen("->", "→", 1)) }
        p.lead { (where_it_ran(&summary.config)) }
    };
    let body = html! {
        (verdict::banner(summary))
        (tiles(summary))
        (navigation())
        (latency(run, &over_time))
        (throughput(&over_time))
        (ledger::section(summary))
        (resources(summary, &over_time))
        (environment(run))
        (glossary::section())
    };
    let brand = format!("{} · {}", run.name, summary.started);
    document(&format!("{} – Kelvin", run.name), &brand, &heading, &body)
}

fn navigation() -> Markup {
    html! {
        nav aria-label="Parts of the report" {
            @for (id, name) in [
                ("latencies", "Latency"), ("throughput", "Throughput"), ("ledger", "Ledger"),
                ("resources", "CPU and memory"), ("environment", "Configuration"), ("glossary", "Words"),
            ] {
                a href={ "#" (id) } { (name) }
            }
        }
    }
}

/// The figures that matter most.
fn tiles(summary: &Summary) -> Markup {
    let counts = &summary.counts;
    let due = &summary.latency.delivery.from_due;
    let [p50, _, p99, p999, _, max] = latency_cells(due);
    let lost = if counts.lost > 0 {
        format!("{} lost", count(counts.lost))
    } else {
        "nothing lost".to_owned()
    };
    let cpu = summary
        .cpu
        .broker_seconds
        .and_then(|seconds| cpu_per_delivery(seconds, counts.delivered))
        .map_or_else(absent, microseconds);
    let (memory, memory_note) = memory(summary);
    let offered = match summary.config.window {
        Some(_) => "in a closed loop".to_owned(),
        None => format!("{} publications/s offered", rate(summary.config.publications_per_second)),
    };
    html! {
        dl.tiles {
            (tile("deliveries per second", &delivery_rate(summary).map_or_else(absent, rate), &offered, false))
            (tile("delivered of owed", &share(counts.delivered, counts.expected), &lost, counts.lost > 0))
            (tile("p50", &p50, "from due", false))
            (tile("p99", &p99, "from due", false))
            (tile("p99.9", &p999, "from due", false))
            (tile("max", &max, &format!("of {} deliveries", count(due.count)), false))
            (tile("broker CPU per delivery", &cpu, cpu_note(summary), false))
            (tile("peak memory", &memory, memory_note, false))
        }
    }
}

fn tile(name: &str, value: &str, note: &str, alarm: bool) -> Markup {
    html! { div.alarm[alarm] { dt { (name) } dd { (value) small { (note) } } } }
}

fn cpu_note(summary: &Summary) -> &'static str {
    match summary.cpu.broker_seconds {
        Some(_) => "user and system time",
        None => "the broker is elsewhere",
    }
}

fn memory(summary: &Summary) -> (String, &'static str) {
    match (summary.memory.broker_bytes, summary.cpu.broker_seconds) {
        (Some(size), _) => (bytes(size), "of the broker"),
        (None, Some(_)) => (bytes(summary.memory.generator_bytes), "of broker and generator"),
        (None, None) => (bytes(summary.memory.generator_bytes), "of the generator"),
    }
}

fn latency(run: &Run, over_time: &OverTime) -> Markup {
    html! {
        section #latencies {
            h2 { "Latency" }
            p.note {
                "Measured in " (term("open-loop")) ", " (term("from-due")) " and " (term("from-send")) "; percentiles are not shown where the samples are too few."
            }
            div.charts {
                (distribution::curve(run))
                (over_time.latency())
                (over_time.heat())
                (distribution::ranges(&run.summary))
            }
            p {}
            (distribution::table(&run.summary))
        }
    }
}

fn throughput(over_time: &OverTime) -> Markup {
    html! {
        section #throughput {
            h2 { "Throughput" }
            @if let Some(note) = over_time.note() { p.note { (note) } }
            div.charts {
                (over_time.deliveries())
                (over_time.publications())
                (over_time.backlog())
                (over_time.connecting())
            }
        }
    }
}

fn resources(summary: &Summary, over_time: &OverTime) -> Markup {
    html! {
        section #resources {
            h2 { "CPU and memory" }
            div.table {
                table {
                    thead {
                        tr {
                            th scope="col" { "Process" } th.n scope="col" { "CPU time" } th.n scope="col" { "Of a core" }
                            th.n scope="col" { (term("cpu")) } th.n scope="col" { "Peak memory" }
                        }
                    }
                    tbody {
                        (process(summary, "broker", summary.cpu.broker_seconds, &broker_memory(summary)))
                        (process(summary, "generator", Some(summary.cpu.generator_seconds), &bytes(summary.memory.generator_bytes)))
                    }
                }
            }
            (broker_use(summary.broker.as_ref()))
            p {}
            div.charts { (over_time.cpu()) (over_time.memory()) }
        }
    }
}

fn process(summary: &Summary, name: &str, cpu_seconds: Option<f64>, memory: &str) -> Markup {
    let measured = summary.config.measured_seconds;
    let time = cpu_seconds.map_or_else(absent, |value| microseconds(value * 1e6));
    let of_core = cpu_seconds
        .filter(|_| measured > 0.0)
        .map_or_else(absent, |value| format!("{:.0} %", value / measured * 100.0));
    let each = cpu_seconds
        .and_then(|value| cpu_per_delivery(value, summary.counts.delivered))
        .map_or_else(absent, microseconds);
    html! { tr { th scope="row" { (name) } td.n { (time) } td.n { (of_core) } td.n { (each) } td.n { (memory) } } }
}

fn broker_memory(summary: &Summary) -> String {
    match (summary.memory.broker_bytes, summary.cpu.broker_seconds) {
        (Some(size), _) => bytes(size),
        (None, Some(_)) => "in generator".to_owned(),
        (None, None) => absent(),
    }
}

/// What the system tells about the broker's process.
fn broker_use(broker: Option<&BrokerUse>) -> Markup {
    let Some(broker) = broker else {
        return html! {};
    };
    let counted = |value: Option<u64>| value.map(count).unwrap_or_default();
    let sized = |value: Option<u64>| value.map(bytes).unwrap_or_default();
    let spent = |value: Option<f64>| value.map(|s| microseconds(s * 1e6)).unwrap_or_default();
    let split = match (broker.user_seconds, broker.system_seconds) {
        (None, None) => String::new(),
        (user, system) => format!("{} in user space, {} in the kernel", spent(user), spent(system)),
    };
    html! {
        p {}
        div.table {
            table {
                caption { "The broker's process in the measured part" }
                tbody {
                    (row("CPU time", &split))
                    (row("memory for each connection", &sized(broker.bytes_per_connection)))
                    (row("resident memory, mean", &sized(broker.resident_mean_bytes)))
                    (row("resident memory, peak", &sized(broker.resident_peak_bytes)))
                    (row("context switches, of its own accord", &counted(broker.voluntary_context_switches)))
                    (row("context switches, made to", &counted(broker.involuntary_context_switches)))
                    (row("process", &broker.pid.to_string()))
                }
            }
        }
    }
}

fn environment(run: &Run) -> Markup {
    let (config, machine) = (&run.summary.config, &run.summary.machine);
    let connect_rate =
        config.connect_rate.map(|rate| format!("{rate} per second")).unwrap_or_default();
    let period = match config.window {
        Some(_) => crate::text::pace(config),
        None => format!("{} for each publisher", crate::text::period(config.period_seconds)),
    };
    html! {
        section #environment {
            h2 { "Configuration and environment" }
            div.two {
                div.table {
                    table {
                        caption { "What was asked for" }
                        tbody {
                            (row("broker", &config.broker))
                            (row("protocol", &format!("MQTT {} over {}", config.protocol, config.transport)))
                            (row("pattern", &config.topology))
                            (row("topic", &config.topic))
                            (row("clients", &format!("{} publishers, {} subscribers", count(config.publishers.into()), count(config.subscribers.into()))))
                            (row("QoS", &format!("{} published, {} subscribed{}", config.qos, config.sub_qos, if config.retain { ", RETAIN = 1" } else { "" })))
                            (row("payload", &format!("{} bytes", count(config.payload_bytes.into()))))
                            (row("period", &period))
                            (row("deliveries", &format!("{} per second", rate(config.deliveries_per_second))))
                            (row("time", &format!("{} of warm-up, {} measured", seconds(config.warmup_seconds), seconds(config.measured_seconds))))
                            (row("connections opened", &connect_rate))
                            (row("generator threads", &count(config.threads.into())))
                            (row("seed", &config.seed.to_string()))
                        }
                    }
                }
                div.table {
                    table {
                        caption { "Where it ran" }
                        tbody {
                            (row("started", &run.summary.started))
                            (row("system", &machine.os))
                            (row("CPU", &machine.cpu))
                            (row("cores", &count(machine.cores.into())))
                            (row("memory", &bytes(machine.memory_bytes)))
                            (row("open files", &count(machine.open_files_max)))
                            (row("Kelvin", &format!("{} ({})", machine.version, machine.commit)))
                            (row("allocator", &machine.allocator))
                        }
                    }
                }
            }
        }
        (generators(&run.summary))
        section #reproduce {
            h2 { "How to reproduce it" }
            pre { (config.command) }
        }
    }
}

/// Where the parts of a merged run came from.
fn generators(summary: &Summary) -> Markup {
    html! {
        @if !summary.generators.is_empty() {
            p {}
            div.table {
                table {
                    caption { "Generators whose runs were added up" }
                    thead {
                        tr {
                            th scope="col" { "Run" } th scope="col" { "Machine" }
                            th.wide scope="col" { "Started" } th.n scope="col" { "Seed" } th.n scope="col" { "Delivered" }
                        }
                    }
                    tbody {
                        @for generator in &summary.generators {
                            @let machine = &generator.machine;
                            tr {
                                th scope="row" { (generator.name) }
                                td { (machine.cpu) ", " (machine.cores) " cores, " (machine.os) }
                                td.wide { (generator.started) }
                                td.n { (generator.seed) }
                                td.n { (count(generator.delivered)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::{env, fs};

    use super::*;
    use crate::fixture::{TestDirectory, histogram, leave_run, literal, overloaded};

    /// A run of some seconds whose latencies rise and fall, one of them with a stall.
    fn run(summary: &Summary, seconds: u64, samples: u64) -> Run {
        let base = TestDirectory::new();
        let seconds: Vec<_> = (0..seconds)
            .map(|second| {
                let stall = if second == 5 { 40 } else { 1 };
                histogram(
                    (1..=samples).map(|i| (2_000_000 + i * i * 700 + second * 90_000) * stall),
                )
            })
            .collect();
        let run = Run::read(&leave_run(base.path(), summary, &seconds)).unwrap();
        Run { name: "20261124T070000Z-literal".to_owned(), ..run }
    }

    /// What the page was when somebody last looked at it; `UPDATE_PAGE=1` says that somebody does now.
    #[test]
    fn the_page_is_the_one_that_was_looked_at() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report.html");
        let page = render_html(&run(&literal(), 12, 200));
        if env::var_os("UPDATE_PAGE").is_some() {
            fs::write(&golden, &page).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap();
        let differs = page.lines().zip(expected.lines()).position(|(new, old)| new != old);
        assert!(
            page == expected,
            "the page is another one from line {differs:?} on: look at it in a browser, then UPDATE_PAGE=1"
        );
    }

    #[test]
    fn the_page_has_its_parts_in_order_and_loads_nothing() {
        let page = render_html(&run(&overloaded(), 12, 200));
        let mut rest = page.as_str();
        for part in [
            "Content-Security-Policy",
            "class=\"verdict",
            "class=\"tiles\"",
            "id=\"distribution\"",
            "id=\"latency\"",
            "id=\"heat\"",
            "id=\"legs\"",
            "id=\"deliveries\"",
            "id=\"publications\"",
            "id=\"backlog\"",
            "id=\"ledger\"",
            "id=\"cpu\"",
            "id=\"memory\"",
            "id=\"environment\"",
            "id=\"reproduce\"",
            "id=\"glossary\"",
        ] {
            let place = rest.find(part).unwrap_or_else(|| panic!("no {part} in its place"));
            rest = &rest[place..];
        }
        for forbidden in ["src=", "http://", "https://", "@import", "url("] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        let ids: Vec<&str> =
            page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let distinct: std::collections::BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "an id stands twice");
    }

    #[test]
    fn nothing_that_a_user_typed_becomes_markup() {
        let mut summary = overloaded();
        let evil = "</script><script>alert(1)</script>\"'><img onerror=x>";
        for text in [
            &mut summary.config.topic,
            &mut summary.config.command,
            &mut summary.config.broker,
            &mut summary.config.topology,
            &mut summary.machine.cpu,
            &mut summary.started,
        ] {
            evil.clone_into(text);
        }
        summary.warnings = vec![evil.to_owned()];
        if let Some(verdict) = &mut summary.verdict {
            evil.clone_into(&mut verdict.reasons[0].text);
        }
        let page = render_html(&Run { name: evil.to_owned(), ..run(&summary, 3, 50) });
        assert!(!page.contains("<script>alert") && !page.contains("<img"));
        assert!(page.contains("&lt;img onerror=x&gt;"));
    }

    #[test]
    fn the_page_of_a_long_run_is_small() {
        let base = TestDirectory::new();
        let second = histogram((1..=60).map(|i| 1_000_000 * i));
        // Nearly as many slices as there are at most: a longer run has no more.
        let seconds = vec![second; 1_190];
        let run = Run::read(&leave_run(base.path(), &literal(), &seconds)).unwrap();
        let page = render_html(&run);
        assert!(page.contains("Each point covers 5 s"), "{page}");
        let size = page.len();
        assert!(size < 1_000_000, "{size} bytes");
    }

    #[test]
    fn a_summary_alone_has_a_page() {
        let run = Run {
            timeline: Vec::new(),
            intervals: Vec::new(),
            legs: Vec::new(),
            ..run(&literal(), 1, 50)
        };
        let page = render_html(&run);
        assert!(page.contains("id=\"ledger\"") && !page.contains("id=\"heat\""));
        assert!(!page.contains("NaN") && !page.contains("inf<"), "{page}");
    }
}
