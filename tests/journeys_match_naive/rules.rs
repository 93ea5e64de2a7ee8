//! The journeys of a scenario, as the twin reads them and as the text that the engine reads.

/// A journey without segments, delivery rules or local times.
#[derive(Clone, Debug)]
pub(crate) struct Journey {
    pub(crate) enter: Occurrence,
    pub(crate) reentry: Reentry,
    pub(crate) exit: Vec<Occurrence>,
    /// What ends it and counts, and how many minutes after the entry at most.
    pub(crate) goal: Option<(Occurrence, Option<i64>)>,
    /// They are called `s0`, `s1` and so on.
    pub(crate) steps: Vec<Step>,
}

/// An event, which may have to have a value, and may have to be about the instance's cart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occurrence {
    pub(crate) event: &'static str,
    pub(crate) least_value: Option<i64>,
    pub(crate) is_keyed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reentry {
    AfterExit,
    Once,
    /// Minutes since the last exit.
    After(i64),
    Restart,
    Parallel(usize),
}

/// Durations are minutes. A step beyond the last one is `end`.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Wait(i64),
    WaitFor {
        is_all: bool,
        conditions: Vec<Occurrence>,
        timeout: i64,
        then: Option<usize>,
        otherwise: Option<usize>,
    },
    /// Where the user's tier is one, to which step.
    Branch(Vec<(&'static str, usize)>),
    Send(&'static str),
    SetTier(&'static str),
    Goto(usize),
}

/// Everything that a host defines.
pub(crate) fn toml(journeys: &[Journey]) -> String {
    let mut text =
        "version = 1\n[attributes]\ntier = 'string'\n[templates.hello]\ntitle = 'Hello'\n".to_owned();
    for event in ["add", "view", "click", "read", "buy", "leave"] {
        text += &format!("[events.{event}]\ncart = 'string'\nvalue = 'number'\n");
    }
    for (number, journey) in journeys.iter().enumerate() {
        text += &definition(number, journey);
    }
    text
}

fn definition(number: usize, journey: &Journey) -> String {
    let reentry = match journey.reentry {
        Reentry::AfterExit => "'after_exit'".to_owned(),
        Reentry::Once => "'once'".to_owned(),
        Reentry::After(minutes) => format!("{{ after = '{minutes}m' }}"),
        Reentry::Restart => "'restart'".to_owned(),
        Reentry::Parallel(most) => format!("{{ parallel = {most} }}"),
    };
    let mut text =
        format!("[journeys.j{number}]\nenter = {{ {}, reentry = {reentry} }}\n", inner(&journey.enter));
    text += &format!("exit = [{}]\n", list(&journey.exit));
    if let Some((goal, within)) = &journey.goal {
        let within = within.map_or(String::new(), |minutes| format!(", within = '{minutes}m'"));
        text += &format!("goal = {{ {}{within} }}\n", inner(goal));
    }
    let label = |to: usize| if to < journey.steps.len() { format!("'s{to}'") } else { "'end'".to_owned() };
    for (place, step) in journey.steps.iter().enumerate() {
        let step = match step {
            Step::Wait(minutes) => format!("wait = '{minutes}m'"),
            Step::WaitFor { is_all, conditions, timeout, then, otherwise } => {
                let way = |word: &str, to: &Option<usize>| {
                    to.map_or(String::new(), |to| format!(", {word} = {}", label(to)))
                };
                format!(
                    "wait_for = {{ {} = [{}], timeout = '{timeout}m'{}{} }}",
                    if *is_all { "all" } else { "any" },
                    list(conditions),
                    way("then", then),
                    way("else", otherwise)
                )
            }
            Step::Branch(arms) => {
                let arms = arms
                    .iter()
                    .map(|(tier, to)| format!("{{ when = \"tier = '{tier}'\", to = {} }}", label(*to)));
                format!("branch = [{}]", arms.collect::<Vec<_>>().join(", "))
            }
            Step::Send(channel) => format!("send = {{ channel = '{channel}', template = 'hello' }}"),
            Step::SetTier(tier) => format!("set = {{ tier = '{tier}' }}"),
            Step::Goto(to) => format!("goto = {}", label(*to)),
        };
        text += &format!("[[journeys.j{number}.step]]\nid = 's{place}'\n{step}\n");
    }
    text
}

fn list(occurrences: &[Occurrence]) -> String {
    let each = occurrences.iter().map(|occurrence| format!("{{ {} }}", inner(occurrence)));
    each.collect::<Vec<_>>().join(", ")
}

fn inner(occurrence: &Occurrence) -> String {
    let condition =
        occurrence.least_value.map_or(String::new(), |least| format!(", where = 'value >= {least}'"));
    let key = if occurrence.is_keyed { ", key = 'cart'" } else { "" };
    format!("event = '{}'{condition}{key}", occurrence.event)
}
