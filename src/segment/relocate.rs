//! A plan beside profiles that are there already speaks the numbers that their store has for texts.

use crate::profile::{Packed, Symbol};
use crate::segment::index::index;
use crate::segment::plan::{Constant, Filter, Node, Plan, SlotId};
use hashbrown::HashMap;

impl Plan {
    /// Numbers all texts as `number` says, which is asked once for each. Linear in the plan.
    pub(crate) fn relocate(&mut self, mut number: impl FnMut(&str) -> Symbol) {
        let own = std::mem::take(&mut self.symbols);
        let mut numbers: HashMap<Symbol, Symbol, ahash::RandomState> = HashMap::default();
        let mut text = |symbol: Symbol| *numbers.entry(symbol).or_insert_with(|| number(own.text(symbol)));
        self.timezone = text(self.timezone);
        self.slots.iter_mut().for_each(|name| *name = text(*name));
        for source in &mut self.sources {
            if let Filter::Text(_, wanted) = &mut source.filter {
                *wanted = text(*wanted);
            }
        }
        // Only texts have symbols; bools stay as they are.
        let mut packed = |value: Packed| value.text_symbol().map_or(value, |symbol| text(symbol).packed());
        for node in &mut self.nodes {
            match node {
                Node::TestIs(_, value) => *value = packed(*value),
                Node::TestIn(_, values) => {
                    values.iter_mut().for_each(|value| *value = packed(*value));
                    values.sort_unstable();
                }
                Node::Lifecycle(stages) => {
                    let mut name = |name: Symbol| packed(name.packed()).text_symbol().unwrap_or(name);
                    stages.iter_mut().for_each(|(_, stage)| *stage = name(*stage));
                }
                Node::Constant(constant) => relocate_constant(constant, &mut packed),
                Node::AffinityShare(_, constant) => relocate_constant(constant, &mut packed),
                _ => {}
            }
        }
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
}

fn relocate_constant(constant: &mut Constant, packed: &mut impl FnMut(Packed) -> Packed) {
    match constant {
        Constant::Text(text) => {
            *text = packed(text.packed()).text_symbol().unwrap_or(*text);
        }
        Constant::List(list) => list.iter_mut().for_each(|element| relocate_constant(element, packed)),
        _ => {}
    }
}
