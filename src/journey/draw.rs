//! A journey as a picture, with the number of users on each step.

mod words;

use crate::journey::plan::CompiledJourney;
use crate::journey::runtime::Journeys;
use crate::journey::{Capped, Journey, Send, Step, StepAction};
use crate::profile::UserKey;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

/// The language in which a journey is drawn.
///
/// ```
/// use bespoke::definitions::Definitions;
/// use bespoke::engine::Partition;
/// use bespoke::journey::Drawing;
///
/// let partition = Partition::new(&Definitions::from_toml(r#"
///     version = 1
///     [events.signup]
///     [templates.hello]
///     title = "Hello"
///     [journeys.welcome]
///     enter = { event = "signup" }
///     step = [
///         { id = "patience", wait = "1h" },
///         { id = "hello", send = { channel = "push", template = "hello" } },
///     ]
/// "#)?);
/// assert_eq!(partition.draw_journey("welcome", Drawing::Mermaid)?, r#"flowchart TD
///   enter(["signup"])
///   s0("patience<br/>wait 1h")
///   s1["hello<br/>send push: hello"]
///   done(["end"])
///   enter --> s0
///   s0 --> s1
///   s1 --> done
/// "#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Drawing {
    /// A flowchart for Mermaid, as documentation pages render it.
    Mermaid,
    /// A directed graph for Graphviz.
    Dot,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Where it begins or ends.
    Round,
    /// It waits.
    Soft,
    /// It goes one of several ways.
    Diamond,
    /// It does something.
    Box,
}

struct Node {
    id: String,
    shape: Shape,
    /// One below the other.
    lines: Vec<String>,
}

struct Edge {
    from: String,
    to: String,
    label: Option<String>,
    /// Not a way that steps lead.
    is_dotted: bool,
}

/// What is drawn, in whatever language.
#[derive(Default)]
struct Graph {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

impl CompiledJourney {
    /// Draws it, with how many users stand on each step, by its id.
    pub(crate) fn draw(&self, users: &BTreeMap<Arc<str>, u64>, drawing: Drawing) -> String {
        let graph = Graph::of(&self.definition, users);
        match drawing {
            Drawing::Mermaid => graph.mermaid(),
            Drawing::Dot => graph.dot(&self.name),
        }
    }
}

impl Journeys {
    /// Adds a user who is in memory to the steps on which they stand in journeys of a name, to each once. O(instances of
    /// the user).
    pub(crate) fn count_on_steps(&self, user: UserKey, journey: &str, users: &mut BTreeMap<Arc<str>, u64>) {
        let known = self.users.get(&user);
        let instances = known.iter().flat_map(|known| &known.instances);
        let steps: BTreeSet<Arc<str>> = instances
            .map(|instance| (&self.plan.journeys[usize::from(instance.journey)], instance.step))
            .filter(|(own, _)| *own.name == *journey)
            .map(|(own, step)| own.label(step))
            .collect();
        steps.into_iter().for_each(|step| *users.entry(step).or_default() += 1);
    }

    /// Everybody in memory who is in a journey, or counted by a cap; in no order.
    pub(crate) fn users_here(&self) -> impl Iterator<Item = UserKey> + '_ {
        self.users.keys().into_iter()
    }
}

impl Graph {
    fn of(journey: &Journey, users: &BTreeMap<Arc<str>, u64>) -> Graph {
        let mut graph = Graph::default();
        graph.node("enter", Shape::Round, vec![words::trigger(&journey.enter.trigger)]);
        for (i, step) in journey.steps.iter().enumerate() {
            let (shape, what) = words::step(&step.action);
            let mut lines = vec![step.id.to_string(), what];
            match users.get(&*step.id) {
                None => {}
                Some(1) => lines.push("1 user".into()),
                Some(users) => lines.push(format!("{users} users")),
            }
            graph.node(&format!("s{i}"), shape, lines);
        }
        graph.node("done", Shape::Round, vec!["end".into()]);
        graph.edge("enter", &target(journey, 0), None);
        for (i, step) in journey.steps.iter().enumerate() {
            graph.edges_of(journey, i, step);
        }
        if !journey.exit.is_empty() {
            graph.node("exit", Shape::Round, journey.exit.iter().map(words::trigger).collect());
            graph.aside("exit", "exit");
        }
        if let Some(goal) = &journey.goal {
            let within = goal.within.map(|within| format!("within {within}"));
            let lines = [words::trigger(&goal.trigger)].into_iter().chain(within);
            graph.node("goal", Shape::Round, lines.collect());
            graph.aside("goal", "goal");
        }
        graph
    }

    fn edges_of(&mut self, journey: &Journey, i: usize, step: &Step) {
        let from = format!("s{i}");
        let next = target(journey, i + 1);
        let to = |label: &Option<Box<str>>| {
            label.as_deref().map_or_else(|| next.clone(), |label| labelled(journey, label))
        };
        match &step.action {
            StepAction::Goto(label) => self.edge(&from, &labelled(journey, label), None),
            StepAction::Branch(arms) => {
                for arm in arms {
                    self.edge(&from, &labelled(journey, &arm.to), Some(words::short(&arm.when)));
                }
                self.edge(&from, &next, Some("else".into()));
            }
            StepAction::Split(split) => {
                for (arm, weight) in &split.arms {
                    let to = split.to.get(arm).map_or_else(|| next.clone(), |to| labelled(journey, to));
                    self.edge(&from, &to, Some(format!("{arm} {weight}")));
                }
            }
            StepAction::Experiment(step) => {
                for (arm, label) in &step.to {
                    self.edge(&from, &labelled(journey, label), Some(arm.to_string()));
                }
                self.edge(&from, &next, Some("else".into()));
            }
            StepAction::WaitFor(wait) => {
                self.edge(&from, &to(&wait.then), Some("then".into()));
                self.edge(&from, &to(&wait.otherwise), Some(format!("else, after {}", wait.timeout)));
            }
            StepAction::Send(Send { unreachable, capped, .. }) => {
                self.edge(&from, &next, None);
                if let Some(label) = unreachable {
                    self.edge(&from, &labelled(journey, label), Some("unreachable".into()));
                }
                if let Some(Capped::To(label)) = capped {
                    self.edge(&from, &labelled(journey, label), Some("capped".into()));
                }
            }
            _ => self.edge(&from, &next, None),
        }
    }

    fn node(&mut self, id: &str, shape: Shape, lines: Vec<String>) {
        self.nodes.push(Node { id: id.into(), shape, lines });
    }

    fn edge(&mut self, from: &str, to: &str, label: Option<String>) {
        self.edges.push(Edge { from: from.into(), to: to.into(), label, is_dotted: false });
    }

    /// What leads to the end from wherever one stands.
    fn aside(&mut self, from: &str, label: &str) {
        let (from, to, label) = (from.into(), "done".into(), Some(label.into()));
        self.edges.push(Edge { from, to, label, is_dotted: true });
    }

    fn mermaid(&self) -> String {
        let mut out = "flowchart TD\n".to_owned();
        for Node { id, shape, lines } in &self.nodes {
            let lines: Vec<String> = lines.iter().map(|line| escaped_for_mermaid(line)).collect();
            let label = lines.join("<br/>");
            // Writing into a text does not fail.
            let _ = match shape {
                Shape::Round => writeln!(out, "  {id}([\"{label}\"])"),
                Shape::Soft => writeln!(out, "  {id}(\"{label}\")"),
                Shape::Diamond => writeln!(out, "  {id}{{\"{label}\"}}"),
                Shape::Box => writeln!(out, "  {id}[\"{label}\"]"),
            };
        }
        for Edge { from, to, label, is_dotted } in &self.edges {
            let arrow = if *is_dotted { "-.->" } else { "-->" };
            let label =
                label.as_ref().map_or(String::new(), |label| format!("|\"{}\"|", escaped_for_mermaid(label)));
            let _ = writeln!(out, "  {from} {arrow}{label} {to}");
        }
        out
    }

    fn dot(&self, name: &str) -> String {
        let mut out = format!("digraph \"{}\" {{\n", escaped_for_dot(name));
        for Node { id, shape, lines } in &self.nodes {
            let lines: Vec<String> = lines.iter().map(|line| escaped_for_dot(line)).collect();
            let shape = match shape {
                Shape::Round => "shape=box, style=\"rounded,bold\"",
                Shape::Soft => "shape=box, style=rounded",
                Shape::Diamond => "shape=diamond",
                Shape::Box => "shape=box",
            };
            // Writing into a text does not fail.
            let _ = writeln!(out, "  {id} [label=\"{}\", {shape}];", lines.join("\\n"));
        }
        for Edge { from, to, label, is_dotted } in &self.edges {
            let label = label.iter().map(|label| format!("label=\"{}\"", escaped_for_dot(label)));
            let style = is_dotted.then(|| "style=dashed".to_owned());
            let attributes: Vec<String> = label.chain(style).collect();
            let _ = match attributes.is_empty() {
                true => writeln!(out, "  {from} -> {to};"),
                false => writeln!(out, "  {from} -> {to} [{}];", attributes.join(", ")),
            };
        }
        out.push_str("}\n");
        out
    }
}

/// The node of the step of a number, or of the end.
fn target(journey: &Journey, step: usize) -> String {
    if step < journey.steps.len() { format!("s{step}") } else { "done".into() }
}

/// The node of the step of an id, or of the end.
fn labelled(journey: &Journey, id: &str) -> String {
    let step = journey.steps.iter().position(|step| *step.id == *id);
    target(journey, step.unwrap_or(journey.steps.len()))
}

/// Within quotation marks Mermaid takes everything but these and its own escapes.
fn escaped_for_mermaid(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '#' | '<' | '>' | '&' | '`' | ';' => {
                let _ = write!(out, "#{};", c as u32);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn escaped_for_dot(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_expressions_cannot_break_out_of_a_label() {
        assert_eq!(escaped_for_mermaid("a \"b\" <c>\n#d"), "a #34;b#34; #60;c#62; #35;d");
        assert_eq!(escaped_for_dot("a \"b\" \\c\n"), "a \\\"b\\\" \\\\c ");
    }
}
