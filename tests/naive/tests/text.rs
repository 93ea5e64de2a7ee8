//! # text: how a tree is written

use super::*;

#[test]
fn text_has_the_parentheses_it_needs() {
    let (a, b, c) = (attribute("a"), attribute("b c.d"), attribute("vip"));
    let one = |n: i64| lit(n);
    let rows = [
        (a.clone().or(b.clone()).and(c.clone()), "(a or `b c`.d) and vip"),
        (a.clone().and(b.clone()).negated(), "not (a and `b c`.d)"),
        (a.clone().negated().and(c.clone()), "not a and vip"),
        (
            one(1).calculate(Op::Sub, one(2).calculate(Op::Sub, one(3))).compare(Cmp::Ge, one(4)),
            "1 - (2 - 3) >= 4",
        ),
        (
            one(1).calculate(Op::Add, one(2)).calculate(Op::Mul, one(-3)).compare(Cmp::Lt, a),
            "(1 + 2) * -3 < a",
        ),
        (Expr::Negate(Box::new(lit(-3))), "-(-3)"),
        (
            aggregate(Agg::Did, events("Order X").filter(c.clone().or(c)).during(Window::In(90 * MINUTE))),
            "did(\"Order X\" where vip or vip in 1h30m)",
        ),
        (
            Expr::Sequence(
                vec![step("a", false, None), step("b", true, Some(DAY))],
                Window::Last(Period::Week, 2),
            ),
            "sequence(a, not b within 1d) in last 2 weeks",
        ),
        (aggregate(Agg::Percentile(90), events("e").of("p")), "percentile(e.p, 90)"),
    ];
    for (expr, expected) in rows {
        assert_eq!(render::expression(&expr, &mut render::Style::plain()), expected);
    }
}
