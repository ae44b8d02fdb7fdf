//! Small symmetric systems, in f64 and in one order of operations, so that every target gets the same bits.

/// Unknowns at most: a homography, gain and bias.
pub(crate) const SIDE: usize = 10;
/// A square matrix of which the first rows and columns are used.
pub(crate) type Matrix = [[f64; SIDE]; SIDE];

/// The inverse of the first `n` rows and columns of a symmetric positive definite matrix, of which only the lower triangle
/// is read, by Cholesky; `None` when it is not one, or so nearly singular that a column loses ten digits.
pub(crate) fn inverse(matrix: &Matrix, n: usize) -> Option<Matrix> {
    let mut lower = [[0.0; SIDE]; SIDE];
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = lower[i][..j].iter().zip(&lower[j][..j]).map(|(a, b)| a * b).sum();
            let sum = matrix[i][j] - known;
            if i == j {
                if !sum.is_finite() || sum <= matrix[i][i] * 1e-10 {
                    return None;
                }
                lower[i][i] = libm::sqrt(sum);
            } else {
                lower[i][j] = sum / lower[j][j];
            }
        }
    }
    let mut inverse = [[0.0; SIDE]; SIDE];
    // Column by column of the identity; the inverse is symmetric, so its columns are its rows.
    for (column, solved) in inverse.iter_mut().enumerate().take(n) {
        let mut y = [0.0; SIDE];
        for i in 0..n {
            let mut sum = if i == column { 1.0 } else { 0.0 };
            for k in 0..i {
                sum -= lower[i][k] * y[k];
            }
            y[i] = sum / lower[i][i];
        }
        for i in (0..n).rev() {
            let mut sum = y[i];
            for k in i + 1..n {
                sum -= lower[k][i] * solved[k];
            }
            solved[i] = sum / lower[i][i];
        }
    }
    Some(inverse)
}

/// The first `n` rows of a matrix times a vector.
pub(crate) fn product(matrix: &Matrix, vector: &[f64; SIDE], n: usize) -> [f64; SIDE] {
    let mut out = [0.0; SIDE];
    for i in 0..n {
        for k in 0..n {
            out[i] += matrix[i][k] * vector[k];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A matrix times its inverse is one; a singular one has none.
    #[test]
    fn an_inverse_undoes() {
        let mut matrix = [[0.0; SIDE]; SIDE];
        for (i, row) in matrix.iter_mut().enumerate() {
            for (j, value) in row.iter_mut().enumerate() {
                *value = 1.0 / (1.0 + (i as f64 - j as f64).abs()) + if i == j { 1.0 } else { 0.0 };
            }
        }
        let inverted = inverse(&matrix, SIDE).expect("positive definite");
        for (i, row) in matrix.iter().enumerate() {
            let back = product(&inverted, row, SIDE);
            assert!(back.iter().enumerate().all(|(j, v)| (v - if i == j { 1.0 } else { 0.0 }).abs() < 1e-12));
        }
        assert!(inverse(&[[1.0; SIDE]; SIDE], 3).is_none());
        assert!(inverse(&[[f64::NAN; SIDE]; SIDE], 3).is_none());
    }
}
