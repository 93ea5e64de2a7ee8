//! Chance that nobody keeps: numbers that follow from what a caller gives, the same on every machine.

/// Mixes the bits of a number so that neighbours have nothing in common (the finalizer of SplitMix64, Steele, Lea and
/// Flood, OOPSLA 2014). Never changes: a choice is to be found again from its seed.
fn mixed(bits: u64) -> u64 {
    let bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ bits >> 31
}

/// The bits that an arm has of a draw; those of other arms and other draws are independent.
pub(crate) fn of_arm(draw: u64, arm: u32) -> u64 {
    mixed(mixed(draw).wrapping_add(u64::from(arm).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
}

/// The `number`th of as many further bits as are wanted.
pub(crate) fn further(bits: u64, number: u64) -> u64 {
    mixed(bits.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
}

/// A number in (0, 1): the middle of one of 2^52 equal parts, and never an end.
pub(crate) fn unit(bits: u64) -> f64 {
    ((bits >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

/// A normal draw of mean 0 and variance 1.
pub(crate) fn normal(bits: u64) -> f64 {
    quantile(unit(bits))
}

/// Whether [`normal`] would be above 0.
pub(crate) fn is_above_mean(bits: u64) -> bool {
    bits >> 63 == 1
}

/// How likely a normal number is below `x`.
pub(crate) fn normal_below(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// `1 / (1 + e^-x)`.
pub(crate) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// The number that a normal one is below with a probability in (0, 1): algorithm AS 241 (Wichura, Applied Statistics 37,
/// 1988), to sixteen digits. In the middle, where most draws are, it takes no logarithm.
fn quantile(probability: f64) -> f64 {
    const A: [f64; 8] = [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ];
    const B: [f64; 8] = [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854,
    ];
    const C: [f64; 8] = [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ];
    const D: [f64; 8] = [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ];
    const E: [f64; 8] = [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        0.001_242_660_947_388_078_4,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ];
    const F: [f64; 8] = [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_7e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ];
    let ratio = |x: f64, above: &[f64; 8], below: &[f64; 8]| {
        let at = |of: &[f64; 8]| of.iter().rev().fold(0.0, |sum, part| sum * x + part);
        at(above) / at(below)
    };
    let off = probability - 0.5;
    if off.abs() <= 0.425 {
        return off * ratio(0.180_625 - off * off, &A, &B);
    }
    let tail = (-libm::log(if off < 0.0 { probability } else { 1.0 - probability })).sqrt();
    let size = if tail <= 5.0 { ratio(tail - 1.6, &C, &D) } else { ratio(tail - 5.0, &E, &F) };
    if off < 0.0 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_where_the_distribution_says() {
        for (probability, quantile_of) in [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.999, 3.090_232_306_167_813_5),
            (1e-9, -5.997_807_015_007_686_5),
            (1e-13, -7.348_796_102_800_677),
        ] {
            let found = quantile(probability);
            assert!(
                (found - quantile_of).abs() < 1e-13 * quantile_of.abs().max(1.0),
                "{found} {quantile_of}"
            );
        }
        for n in 1..1_000 {
            let probability = f64::from(n) / 1_000.0;
            assert!((normal_below(quantile(probability)) - probability).abs() < 1e-14);
        }
        // The ends of what can be drawn.
        assert!(
            normal(0) < -8.0
                && normal(0).is_finite()
                && normal(u64::MAX) > 8.0
                && normal(u64::MAX).is_finite()
        );
    }

    #[test]
    fn draws_are_even_and_independent() {
        let count = 200_000_u64;
        let pairs = (0..count).map(|draw| (normal(of_arm(draw, 0)), normal(of_arm(draw, 1))));
        let sums = pairs.fold([0.0; 4], |sums, (a, b)| {
            [sums[0] + a, sums[1] + a * a, sums[2] + a * b, sums[3] + a * a * a * a]
        });
        let [mean, variance, common, fourth] = sums.map(|sum| sum / count as f64);
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.015, "{mean} {variance}");
        assert!(common.abs() < 0.01 && (fourth - 3.0).abs() < 0.1, "{common} {fourth}");
        assert!(
            (0..1_000).map(|draw| of_arm(draw, 0)).all(|bits| is_above_mean(bits) == (normal(bits) > 0.0))
        );
        assert_ne!(further(of_arm(1, 2), 0), further(of_arm(1, 2), 1));
    }
}
