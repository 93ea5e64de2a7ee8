//! One segment of six predicates, all of them evaluated.
//!
//! Three groups: evaluation alone; one attribute set before each evaluation; what a peer wants to know of a person
//! built anew before each evaluation. What holds of many people is compared first.
#![allow(missing_docs)]

use ::a_tree::ATree;
use ::bespoke::segment::{Plan, SegmentId};
use ::cel::{Env, Program};
use ::evalexpr::{Node, Value};
use ::rhai::{AST, Engine};
use ::wirefilter::{Filter, Scheme};
use bespoke_peers::peers::{a_tree, bespoke, cel, closures, evalexpr, rhai, wirefilter};
use bespoke_peers::{Person, Rule};
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

type Group<'c> = BenchmarkGroup<'c, WallTime>;

/// A context of wirefilter lives as long as its scheme, and so do the people in it.
type Bench = for<'s> fn(&mut Group<'_>, &Compiled<'s>, &'s Person);

/// The rule, compiled by each peer.
struct Compiled<'s> {
    texts: closures::Texts,
    native: closures::Native,
    closures: closures::Segment,
    plan: Plan,
    segment: SegmentId,
    scheme: &'s Scheme,
    filter: Filter<'s>,
    tree: ATree<u32>,
    environment: Arc<Env>,
    program: Program,
    node: Node,
    engine: Engine,
    ast: AST,
}

impl<'s> Compiled<'s> {
    fn new(rule: &Rule, scheme: &'s Scheme) -> Compiled<'s> {
        let mut texts = closures::Texts::default();
        let plan = bespoke::compile(&bespoke::texts(std::slice::from_ref(rule)));
        let (environment, engine) = (cel::environment(), Engine::new());
        Compiled {
            native: closures::Native::new(&mut texts),
            closures: closures::compile(&mut texts, rule),
            texts,
            segment: plan.segment(&bespoke::name(0)).unwrap_or_else(|| panic!("it was compiled")),
            plan,
            scheme,
            filter: wirefilter::compile(scheme, &wirefilter::text(rule)),
            tree: a_tree::compile(&[a_tree::text(rule)]),
            program: cel::compile(&environment, &cel::text(rule)),
            environment,
            node: evalexpr::compile(&evalexpr::text(rule)),
            ast: rhai::compile(&engine, &rhai::text(rule)),
            engine,
        }
    }

    /// All peers say of a person what the program without a library says.
    fn check(&self, person: &'s Person) -> bool {
        let fields = closures::Fields::of(&self.texts, person);
        let event = a_tree::event(&self.tree, person);
        let expected = self.native.holds(&fields);
        let answers = [
            ("closures", closures::holds(&self.closures, &fields)),
            ("bespoke", bespoke::subject(&self.plan, person).matches(self.segment, bespoke::NOW)),
            ("wirefilter", wirefilter::holds(&self.filter, &wirefilter::context(self.scheme, person))),
            ("a-tree", a_tree::search(&self.tree, &event).matches().len() == 1),
            ("cel", cel::holds(&self.program, &cel::context(&self.environment, person))),
            ("evalexpr", evalexpr::holds(&self.node, &evalexpr::context(person))),
            ("rhai", rhai::holds(&self.engine, &self.ast, &mut rhai::scope(person))),
        ];
        for (peer, answer) in answers {
            assert_eq!(answer, expected, "{peer} of {person:?}");
        }
        expected
    }
}

fn evaluated<'s>(group: &mut Group<'_>, all: &Compiled<'s>, person: &'s Person) {
    let fields = closures::Fields::of(&all.texts, person);
    group.bench_function("native", |b| b.iter(|| all.native.holds(black_box(&fields))));
    let subject = bespoke::subject(&all.plan, person);
    group.bench_function("bespoke", |b| b.iter(|| black_box(&subject).matches(all.segment, bespoke::NOW)));
    group.bench_function("closures", |b| b.iter(|| closures::holds(&all.closures, black_box(&fields))));
    let context = wirefilter::context(all.scheme, person);
    group.bench_function("wirefilter", |b| b.iter(|| wirefilter::holds(&all.filter, black_box(&context))));
    let event = a_tree::event(&all.tree, person);
    group.bench_function("a-tree", |b| {
        b.iter(|| a_tree::search(&all.tree, black_box(&event)).matches().len())
    });
    let context = cel::context(&all.environment, person);
    group.bench_function("cel", |b| b.iter(|| cel::holds(&all.program, black_box(&context))));
    let context = evalexpr::context(person);
    group.bench_function("evalexpr", |b| b.iter(|| evalexpr::holds(&all.node, black_box(&context))));
    let mut scope = rhai::scope(person);
    group.bench_function("rhai", |b| b.iter(|| rhai::holds(&all.engine, &all.ast, black_box(&mut scope))));
}

/// Sets `balance` to one of a thousand values with which the rule holds. An event of a-tree cannot be changed: it is
/// built anew.
fn set<'s>(group: &mut Group<'_>, all: &Compiled<'s>, person: &'s Person) {
    let mut balance = 1_000;
    let mut next = || {
        balance = if balance < 1_999 { balance + 1 } else { 1_000 };
        black_box(balance)
    };
    let mut fields = closures::Fields::of(&all.texts, person);
    group.bench_function("native", |b| {
        b.iter(|| {
            fields.balance = next() as f64;
            all.native.holds(black_box(&fields))
        });
    });
    let mut subject = bespoke::subject(&all.plan, person);
    group.bench_function("bespoke", |b| {
        b.iter(|| subject.set("balance", next()).matches(all.segment, bespoke::NOW));
    });
    group.bench_function("closures", |b| {
        b.iter(|| {
            fields.balance = next() as f64;
            closures::holds(&all.closures, black_box(&fields))
        });
    });
    let mut context = wirefilter::context(all.scheme, person);
    group.bench_function("wirefilter", |b| {
        b.iter(|| {
            wirefilter::set(&mut context, "balance", wirefilter::int(next()));
            wirefilter::holds(&all.filter, &context)
        });
    });
    let mut person = person.clone();
    group.bench_function("a-tree", |b| {
        b.iter(|| {
            person.balance = next();
            a_tree::search(&all.tree, &a_tree::event(&all.tree, &person)).matches().len()
        });
    });
    let mut context = cel::context(&all.environment, &person);
    group.bench_function("cel", |b| {
        b.iter(|| {
            context.add_variable_from_value("balance", next());
            cel::holds(&all.program, &context)
        });
    });
    let mut context = evalexpr::context(&person);
    group.bench_function("evalexpr", |b| {
        b.iter(|| {
            evalexpr::set(&mut context, "balance", Value::from_int(next()));
            evalexpr::holds(&all.node, &context)
        });
    });
    let mut scope = rhai::scope(&person);
    group.bench_function("rhai", |b| {
        b.iter(|| {
            scope.set_value("balance", next());
            rhai::holds(&all.engine, &all.ast, &mut scope)
        });
    });
}

fn built<'s>(group: &mut Group<'_>, all: &Compiled<'s>, person: &'s Person) {
    group.bench_function("bespoke", |b| {
        b.iter(|| bespoke::subject(&all.plan, black_box(person)).matches(all.segment, bespoke::NOW));
    });
    group.bench_function("closures", |b| {
        b.iter(|| closures::holds(&all.closures, &closures::Fields::of(&all.texts, black_box(person))));
    });
    group.bench_function("wirefilter", |b| {
        b.iter(|| wirefilter::holds(&all.filter, &wirefilter::context(all.scheme, black_box(person))));
    });
    group.bench_function("a-tree", |b| {
        b.iter(|| a_tree::search(&all.tree, &a_tree::event(&all.tree, black_box(person))).matches().len());
    });
    group.bench_function("cel", |b| {
        b.iter(|| cel::holds(&all.program, &cel::context(&all.environment, black_box(person))));
    });
    group.bench_function("evalexpr", |b| {
        b.iter(|| evalexpr::holds(&all.node, &evalexpr::context(black_box(person))));
    });
    group.bench_function("rhai", |b| {
        b.iter(|| rhai::holds(&all.engine, &all.ast, &mut rhai::scope(black_box(person))));
    });
}

fn one(c: &mut Criterion) {
    let scheme = wirefilter::scheme();
    let (person, around, people) = (Person::whom_six_fit(), Person::around_six(), Person::draw(1_000, 1));
    let all = Compiled::new(&Rule::of_six(), &scheme);
    assert_eq!(around.iter().filter(|person| all.check(person)).count(), 1, "each predicate decides");
    for person in &people {
        all.check(person);
    }

    let benches: [(&str, Bench); 3] = [
        ("one segment", evaluated),
        ("one segment, an attribute set", set),
        ("one segment, a person built", built),
    ];
    for (name, bench) in benches {
        let mut group = c.benchmark_group(name);
        group
            .sample_size(50)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1));
        bench(&mut group, &all, &person);
        group.finish();
    }
}

criterion_group!(benches, one);
criterion_main!(benches);
