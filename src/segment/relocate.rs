//! A plan beside profiles that are there already speaks the numbers that their store has for texts.

use crate::profile::{Packed, Symbol, Symbols};
use crate::segment::index::index;
use crate::segment::node::{Constant, Filter, Node, SlotId};
use crate::segment::plan::Plan;
use hashbrown::HashMap;

impl Plan {
    /// Numbers all texts as `number` says, which is asked once for each. Linear in the plan.
    pub(crate) fn relocate(&mut self, mut number: impl FnMut(&str) -> Symbol) {
        self.number_texts(|text| Some(number(text)));
        self.slot_of = self.slots.iter().zip(0..).map(|(name, slot)| (*name, SlotId(slot))).collect();
        self.index = index(
            &self.nodes,
            &self.sources,
            &self.totals,
            &self.segments,
            self.slots.len(),
            &self.keep,
            self.rules.len(),
        );
    }

    /// A copy that can be evaluated beside the profiles of a store, which stays as it is. A text that nobody holds
    /// equals none that somebody holds; of running values those are read that the running plan keeps, events instead
    /// of all others. Linear in the plan, times the totals of the running one.
    pub(crate) fn beside(&self, running: &Plan, symbols: &Symbols) -> Plan {
        let mut plan = self.clone();
        plan.number_texts(|text| symbols.get(text));
        plan.share_totals(running);
        plan.totals_since.clone_from(&running.totals_since);
        plan
    }

    fn number_texts(&mut self, mut number: impl FnMut(&str) -> Option<Symbol>) {
        let own = std::mem::take(&mut self.symbols);
        let mut numbers: HashMap<Symbol, Symbol, ahash::RandomState> = HashMap::default();
        let mut text = |symbol: Symbol| {
            *numbers.entry(symbol).or_insert_with(|| number(own.text(symbol)).unwrap_or(Symbol::NONE))
        };
        self.timezone = text(self.timezone);
        self.slots.iter_mut().for_each(|name| *name = text(*name));
        for source in &mut self.sources {
            if let Filter::Text(_, wanted) = &mut source.filter {
                *wanted = text(*wanted);
            }
        }
        // Only texts have symbols; bools stay as they are.
        let mut packed = |value: &mut Packed| {
            if let Some(symbol) = value.text_symbol() {
                *value = text(symbol).packed();
            }
        };
        for node in &mut self.nodes {
            match node {
                Node::TestIs(_, value) => packed(value),
                Node::TestIn(_, values) => {
                    values.iter_mut().for_each(&mut packed);
                    values.sort_unstable();
                }
                Node::Lifecycle(stages) => {
                    stages.iter_mut().for_each(|(_, stage)| number_constant(stage, &mut packed, &own));
                }
                Node::Constant(constant) => number_constant(constant, &mut packed, &own),
                Node::AffinityShare(_, constant) => number_constant(constant, &mut packed, &own),
                _ => {}
            }
        }
    }
}

fn number_constant(constant: &mut Constant, number: &mut impl FnMut(&mut Packed), own: &Symbols) {
    match constant {
        Constant::Text(symbol) => {
            let mut known = symbol.packed();
            number(&mut known);
            *constant = match known.text_symbol() {
                Some(known) if known != Symbol::NONE => Constant::Text(known),
                _ => Constant::Written(Box::new(own.text(*symbol).to_owned())),
            };
        }
        Constant::List(list) => list.iter_mut().for_each(|element| number_constant(element, number, own)),
        _ => {}
    }
}
