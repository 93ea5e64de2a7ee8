//! Where steps lead: what nothing leads to, and loops in which no time passes.

use crate::journey::compile::At;
use crate::journey::plan::{CompiledAction, CompiledAwaited, CompiledCapped, CompiledStep};
use crate::journey::{DayRule, Journey};
use crate::model::{Duration, Problem, Quoted};

/// Refuses steps that nothing leads to, and loops in which no time passes, each once. Linear in steps and arms.
pub(super) fn check_flow(journey: &Journey, steps: &[CompiledStep], problems: &mut Vec<Problem>) {
    for (i, step) in steps.iter().enumerate() {
        let (key, wait) = match &step.action {
            CompiledAction::Wait(duration) => (&["wait"][..], *duration),
            CompiledAction::WaitFor(wait) => (&["wait_for", "timeout"][..], wait.timeout),
            _ => continue,
        };
        if let Some(expires) = journey.expires.filter(|expires| wait >= *expires) {
            let message = format!("it waits for {wait}, and the journey lasts no longer than {expires}");
            let help = "wait for less, or let the journey last longer (`expires`)";
            problems.push(At::step(&journey.name, i).problem(key, message).help(help));
        }
    }
    let journey = &*journey.name;
    let reached = reached(steps);
    let loops = timeless_loops(steps);
    for (i, step) in steps.iter().enumerate() {
        let at = At::step(journey, i);
        if !reached[i] {
            let problem = at.problem(&["id"], format!("nothing leads to the step {}", Quoted(&step.id)));
            problems.push(problem.help("the step before it jumps away; name it in a `branch` or `goto`"));
        } else if loops[i] {
            let message = format!("a loop through the step {} without a wait", Quoted(&step.id));
            problems.push(at.problem(&["id"], message).help("put a `wait` into the loop"));
        }
    }
}

/// The steps that can come behind one.
fn next(steps: &[CompiledStep], i: usize) -> Vec<usize> {
    let fall = i + 1;
    let targets: Vec<usize> = match &steps[i].action {
        CompiledAction::Goto(to) => vec![usize::from(*to)],
        CompiledAction::Branch(arms) => arms.iter().map(|(_, to)| usize::from(*to)).chain([fall]).collect(),
        CompiledAction::WaitFor(wait) => vec![usize::from(wait.then), usize::from(wait.otherwise)],
        // Who takes no part goes on to the next step, today or with less traffic tomorrow.
        CompiledAction::Experiment(step) => {
            step.to.iter().map(|(_, to)| usize::from(*to)).chain([fall]).collect()
        }
        CompiledAction::Split(split) => split.arms.iter().map(|arm| usize::from(arm.to)).collect(),
        CompiledAction::Wait(_)
        | CompiledAction::WaitUntil(_)
        | CompiledAction::Affect(_)
        | CompiledAction::Call(_) => vec![fall],
        CompiledAction::Send(send) => {
            let capped = match send.capped {
                Some(CompiledCapped::To(to)) => Some(to),
                _ => None,
            };
            send.unreachable.into_iter().chain(capped).map(usize::from).chain([fall]).collect()
        }
    };
    targets.into_iter().filter(|to| *to < steps.len()).collect()
}

fn reached(steps: &[CompiledStep]) -> Vec<bool> {
    let mut reached = vec![false; steps.len()];
    let mut open: Vec<usize> = (0..steps.len().min(1)).collect();
    while let Some(i) = open.pop() {
        if !std::mem::replace(&mut reached[i], true) {
            open.extend(next(steps, i));
        }
    }
    reached
}

/// The steps at which a loop closes that has no wait in it.
fn timeless_loops(steps: &[CompiledStep]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum Color {
        New,
        Open,
        Done,
    }
    let takes_time = |i: usize| match &steps[i].action {
        CompiledAction::Wait(duration) => *duration > Duration::ZERO,
        // A time of this day may have passed already, and then it is over at once.
        CompiledAction::WaitUntil(wait) => !matches!(wait.day, Some(DayRule::Today | DayRule::Entry)),
        // What cannot be met at once takes time.
        CompiledAction::WaitFor(wait) => {
            let is_event = |awaited: &CompiledAwaited| matches!(awaited, CompiledAwaited::Event);
            match wait.all {
                0 => wait.conditions.iter().all(is_event),
                _ => wait.conditions.iter().any(is_event),
            }
        }
        _ => false,
    };
    // Of a wait that may be over at once, only the way on that does not time out.
    let next = |i: usize| match &steps[i].action {
        CompiledAction::WaitFor(wait) => {
            [usize::from(wait.then)].into_iter().filter(|to| *to < steps.len()).collect()
        }
        _ => next(steps, i),
    };
    let mut colors = vec![Color::New; steps.len()];
    let mut loops = vec![false; steps.len()];
    for root in 0..steps.len() {
        if takes_time(root) || colors[root] != Color::New {
            continue;
        }
        // Depth-first by hand: a thousand steps must not end the stack.
        colors[root] = Color::Open;
        let mut path = vec![(root, next(root))];
        while let Some((i, open)) = path.last_mut() {
            let Some(j) = open.pop() else {
                colors[*i] = Color::Done;
                path.pop();
                continue;
            };
            match colors[j] {
                _ if takes_time(j) => {}
                Color::Open => loops[j] = true,
                Color::New => {
                    colors[j] = Color::Open;
                    path.push((j, next(j)));
                }
                Color::Done => {}
            }
        }
    }
    loops
}
