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
    html! {
        dl.tiles {
            (tile("deliveries per second", &delivery_rate(summary).map_or_else(absent, rate), &format!("{} publications/s offered", rate(summary.config.publications_per_second)), false))
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
            (distribution::table(&run.summary))
            p {}
            div.charts {
                (distribution::curve(run))
                (over_time.latency())
                (over_time.heat())
                (distribution::ranges(&run.summary))
            }
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
                            (row("period", &format!("{} for each publisher", crate::text::period(config.period_seconds))))
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
