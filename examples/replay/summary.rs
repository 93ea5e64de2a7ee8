//! What a product person would like to look at.

use bespoke::engine::{Outcome, Partition};
use bespoke::journey::Action;
use bespoke::model::{Body, Instant, Message, Value};
use bespoke::recommend::Query;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::time::Instant as Clock;

/// Stories are kept of so many users, and of each so many lines.
const STORIES_MAX: usize = 5_000;
const LINES_MAX: usize = 60;

pub(crate) struct Summary {
    began: Clock,
    messages: u64,
    duplicates: u64,
    by_event: BTreeMap<String, u64>,
    rejected: Vec<(u64, String)>,
    rejected_count: u64,
    actions: BTreeMap<(String, String), u64>,
    stories: HashMap<String, Vec<(Instant, String)>>,
    first: Option<Instant>,
    wanted: Option<String>,
}

impl Summary {
    pub(crate) fn new(wanted: Option<String>) -> Summary {
        Summary {
            began: Clock::now(),
            messages: 0,
            duplicates: 0,
            by_event: BTreeMap::new(),
            rejected: Vec::new(),
            rejected_count: 0,
            actions: BTreeMap::new(),
            stories: HashMap::new(),
            first: None,
            wanted,
        }
    }

    pub(crate) fn reject(&mut self, line: u64, problem: &str) {
        self.rejected_count += 1;
        if self.rejected.len() < 5 {
            self.rejected.push((line, problem.to_owned()));
        }
    }

    pub(crate) fn message(&mut self, message: &Message, now: Instant, outcome: &Outcome) {
        self.messages += 1;
        self.first.get_or_insert(now);
        if outcome.duplicate {
            self.duplicates += 1;
            return;
        }
        let name = message.event().map_or_else(|| kind(message).to_owned(), |(event, _)| event.to_owned());
        let words = describe(message, &name);
        *self.by_event.entry(name).or_default() += 1;
        if let Some(user) = message.ids.user.as_deref().or(message.ids.anonymous.as_deref()) {
            let at = message.timestamp.unwrap_or(now);
            let late = if at < now { format!(" (arrived at {now})") } else { String::new() };
            self.tell(user, at, format!("{words}{late}"));
        }
    }

    pub(crate) fn outcome(&mut self, outcome: &Outcome) {
        for change in &outcome.changes {
            let words = change.to_string();
            let words = words.strip_prefix(&*change.user).unwrap_or(&words).trim_start().to_owned();
            self.tell(&change.user, change.at, format!("  → {words}"));
        }
        for note in &outcome.notes {
            self.tell(&note.user, note.at, format!("    {note}"));
        }
    }

    pub(crate) fn action(&mut self, action: &Action) {
        *self.actions.entry((action.journey.to_string(), action.channel.to_string())).or_default() += 1;
    }

    fn tell(&mut self, user: &str, at: Instant, words: String) {
        let is_wanted = self.wanted.as_deref().is_none_or(|wanted| wanted == user);
        if is_wanted && (self.stories.len() < STORIES_MAX || self.stories.contains_key(user)) {
            let story = self.stories.entry(user.to_owned()).or_default();
            if story.len() < LINES_MAX {
                story.push((at, words));
            }
        }
    }

    pub(crate) fn print(&self, partition: &Partition, out: &mut dyn Write) -> io::Result<()> {
        let seconds = self.began.elapsed().as_secs_f64();
        let days = self.first.map_or(0, |first| (partition.clock() - first).as_millis() / 86_400_000);
        writeln!(out, "{} messages of {} users over {days} days", self.messages, partition.user_count())?;
        let mut by_event: Vec<_> = self.by_event.iter().collect();
        by_event.sort_by_key(|(name, n)| (std::cmp::Reverse(**n), *name));
        let counts: Vec<String> = by_event.iter().take(12).map(|(name, n)| format!("{name} {n}")).collect();
        writeln!(out, "  {}", counts.join(" · "))?;
        writeln!(out, "  {} duplicates ignored, {} refused", self.duplicates, self.rejected_count)?;
        for (line, problem) in &self.rejected {
            writeln!(out, "    line {line}: {problem}")?;
        }

        writeln!(out, "\nSegments                        entered      left       now")?;
        for (name, stats) in partition.segment_stats() {
            let bar = "▇".repeat(share(stats.size(), partition.user_count() as u64, 20));
            writeln!(out, "  {name:<27} {:>9} {:>9} {:>9}  {bar}", stats.entries, stats.exits, stats.size())?;
        }

        if !self.actions.is_empty() {
            writeln!(out, "\nActions sent")?;
            for ((journey, channel), n) in &self.actions {
                writeln!(out, "  {journey:<27} {channel:<10} {n:>7}")?;
            }
        }
        let counts = partition.journey_counts();
        if !counts.is_empty() {
            writeln!(out, "\nJourneys, by what happened")?;
            for ((journey, reason), n) in &counts {
                writeln!(out, "  {journey:<27} {reason:<38} {n:>7}")?;
            }
        }

        if let Ok(best) = partition.recommend("", &Query::popular().limit(10), partition.clock())
            && !best.is_empty()
        {
            writeln!(out, "\nBest items now")?;
            for (i, item) in best.iter().enumerate() {
                writeln!(out, "  {:>2}. {:<28} {:>9.2}  {}", i + 1, item.item, item.score, item.reason)?;
            }
        }
        self.print_story(partition, out)?;
        writeln!(
            out,
            "\n{:.0} messages a second ({seconds:.2} s with reading)",
            self.messages as f64 / seconds.max(1e-9)
        )
    }

    /// The story with most turns: who is chosen does not depend on the order of a hash map.
    fn print_story(&self, partition: &Partition, out: &mut dyn Write) -> io::Result<()> {
        let turns = |story: &[(Instant, String)]| {
            let told = |mark: &str| story.iter().filter(|(_, words)| words.starts_with(mark)).count();
            told("    ").min(12) * 3 + told("  →").min(12) + story.len().min(30)
        };
        let story = self.stories.iter().max_by_key(|(user, story)| (turns(story), std::cmp::Reverse(*user)));
        let Some((user, story)) = story else { return Ok(()) };
        writeln!(out, "\nThe story of {user}")?;
        let mut lines = story.clone();
        lines.sort_by_key(|(at, _)| *at);
        for (at, words) in lines.iter().take(40) {
            writeln!(out, "  {}  {words}", at.to_string().replace('T', " ").trim_end_matches('Z'))?;
        }
        if lines.len() > 40 {
            writeln!(out, "  … and {} more", lines.len() - 40)?;
        }
        if let Ok(items) = partition.recommend(user, &Query::for_user().limit(3), partition.clock()) {
            for item in items {
                writeln!(out, "  next for {user}: {} ({})", item.item, item.reason)?;
            }
        }
        Ok(())
    }
}

fn share(part: u64, whole: u64, width: u64) -> usize {
    (part * width).checked_div(whole).unwrap_or(0).min(width) as usize
}

fn kind(message: &Message) -> &'static str {
    match message.body {
        Body::Identify { .. } => "identify",
        Body::Group { .. } => "group",
        Body::Alias { .. } => "alias",
        Body::List { .. } => "list",
        Body::Consent(_) => "consent",
        Body::Restrict { .. } => "restrict",
        Body::World { .. } => "world",
        Body::Item { .. } | Body::RemoveItem { .. } => "item",
        Body::Forget { .. } => "forget",
        _ => "event",
    }
}

/// A message in a few words: its name and what it is about.
fn describe(message: &Message, name: &str) -> String {
    let fields = match &message.body {
        Body::Identify { traits } | Body::Group { traits, .. } => {
            let names: Vec<&str> = traits.iter().map(|(name, _)| name).take(5).collect();
            return format!("{name} {}", names.join(", "));
        }
        _ => message.event().map(|(_, properties)| properties),
    };
    let about = ["sku", "query", "name", "order_id", "city", "amount"];
    let first = fields.and_then(|fields| about.iter().find_map(|field| fields.get(field)));
    match first {
        Some(Value::String(text)) => format!("{name} {text}"),
        Some(Value::Int(n)) => format!("{name} {n}"),
        Some(Value::Float(x)) => format!("{name} {x}"),
        _ => name.to_owned(),
    }
}
