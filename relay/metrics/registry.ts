import Counter from "prom-client/lib/counter.js";
import Gauge from "prom-client/lib/gauge.js";
import Histogram from "prom-client/lib/histogram.js";
import Registry from "prom-client/lib/registry.js";

/** One time series' labels and value. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

type Described = { readonly name: string; readonly help: string; readonly labels?: readonly string[] };

/** A histogram that durations are told to, in seconds. */
export type Durations = { observe(labels: Readonly<Record<string, string>>, seconds: number): void };

/**
 * The relay's metrics. What its parts count is read when somebody asks: they
 * know nothing of Prometheus, and pay nothing for it.
 */
export class Metrics {
  readonly #registry = new Registry();

  /** A number that only grows, read from where it is counted. */
  counter({ name, help, labels = [] }: Described, read: () => readonly Sample[]): void {
    const counter: Counter = new Counter({
      ...{ name, help, labelNames: labels, registers: [this.#registry] },
      collect() {
        counter.reset();
        for (const [values, value] of read()) counter.inc(values, value);
      },
    });
  }

  /** A number that is as it is just now. */
  gauge({ name, help, labels = [] }: Described, read: () => readonly Sample[]): void {
    const gauge: Gauge = new Gauge({
      ...{ name, help, labelNames: labels, registers: [this.#registry] },
      collect() {
        gauge.reset();
        // Without labels that leaves a 0, also where nothing is known.
        if (labels.length === 0) gauge.remove();
        for (const [values, value] of read()) gauge.set(values, value);
      },
    });
  }

  durations({ name, help, labels = [] }: Described, buckets: readonly number[]): Durations {
    return new Histogram({
      ...{ name, help, labelNames: labels, registers: [this.#registry] },
      buckets: [...buckets],
    });
  }

  /** The text exposition format, and its media type. */
  async expose(): Promise<{ readonly type: string; readonly text: string }> {
    return { type: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}
