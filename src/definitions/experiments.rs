//! `[experiments]`: name = `{ arms = { control = 50, treatment = 50 }, salt, traffic = 80, audience = 'expression', consent }`

use crate::definitions::loose::{LooseExpression, collect};
use crate::definitions::reader::{Node, Table};
use crate::definitions::schema::Names;
use crate::experiment::{ARMS_MAX, Experiment, WEIGHT_MAX};

/// The experiments of a text.
pub(super) struct Experiments<'d> {
    /// All names, also of those that could not be read: what names one of these is right.
    pub(super) names: Vec<&'d str>,
    pub(super) read: Vec<Experiment>,
}

pub(super) fn read<'d>(
    root: &mut Table<'d>,
    names: &Names,
    loose: &mut Vec<LooseExpression>,
) -> Experiments<'d> {
    let mut experiments = Experiments { names: Vec::new(), read: Vec::new() };
    let Some(table) = root.get("experiments").and_then(|node| node.table()) else { return experiments };
    for node in table.nodes().iter().filter(|node| node.is_named()) {
        experiments.names.push(node.key);
        let known = node.report().count();
        let experiment = read_experiment(node, names);
        match node.report().count() == known {
            true => experiments.read.extend(experiment),
            false => collect(node, &format!("experiments.{}", node.key), loose),
        }
    }
    experiments
}

fn read_experiment(node: &Node<'_>, names: &Names) -> Option<Experiment> {
    let mut table = node.table()?;
    let mut params = Experiment::params(node.key);
    let arms = table.require("arms");
    let mut weights = Vec::new();
    if let Some((arms, table)) = arms.and_then(|arms| Some((arms, arms.table()?))) {
        if !(2..=ARMS_MAX).contains(&table.nodes().len()) {
            arms.error(format!("it has {} arms, and needs from 2 to {ARMS_MAX}", table.nodes().len()));
        }
        for arm in table.nodes() {
            if let (true, Some(weight)) = (arm.is_named(), arm.weight(WEIGHT_MAX)) {
                params = params.arm(arm.key, weight);
                weights.push(weight);
            }
        }
        if !weights.is_empty() && weights.iter().all(|weight| *weight == 0.0) {
            arms.error("no arm has a weight above 0");
        }
    }
    if let Some(salt) = table.get("salt").and_then(|salt| salt.name()) {
        params = params.salt(salt);
    }
    if let Some(traffic) = table.get("traffic").and_then(|traffic| traffic.percent()) {
        params = params.traffic(traffic);
    }
    if let Some(audience) = table.get("audience").and_then(|audience| audience.text()) {
        params = params.audience(audience);
    }
    if let Some(consent) = table.get("consent").and_then(|consent| names.read_purpose(&consent)) {
        params = params.consent(&consent);
    }
    table.finish();
    // Whatever would be refused was told above, with its place.
    params.check().ok()
}
