/** Buckets of a log-scale histogram of milliseconds: two for each doubling, up to about 12 days. */
export const HISTOGRAM_BUCKETS = 61;

/** The bucket of a duration: `floor(2 × log2(ms + 1))`, so a bucket's bounds are a factor of √2 apart. */
export function bucketOf(ms: number): number {
  return Math.min(HISTOGRAM_BUCKETS - 1, Math.floor(2 * Math.log2(Math.max(0, ms) + 1)));
}

/** The upper bound of a bucket in milliseconds. */
export function bucketTop(bucket: number): number {
  return 2 ** ((bucket + 1) / 2) - 1;
}

/** Adds histograms bucket by bucket; trailing zeros are left out. */
export function addHistograms(a: readonly number[], b: readonly number[]): number[] {
  return Array.from(
    { length: Math.max(a.length, b.length) },
    (_, index) => (a[index] ?? 0) + (b[index] ?? 0),
  );
}

/** The duration in milliseconds below which a share (0 to 1) of the observations lies; null without observations. */
export function quantile(histogram: readonly number[], share: number): number | null {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let seen = 0;
  for (const [bucket, count] of histogram.entries()) {
    seen += count;
    if (seen >= share * total) return bucketTop(bucket);
  }
  return bucketTop(histogram.length - 1);
}
