import { assertEquals } from "@std/assert";
import { abrirHistograma, contar, observar, textoDasMetricas } from "../../lib/metricas.ts";

Deno.test("textoDasMetricas() escreve o formato 0.0.4: HELP, TYPE, rótulos com aspas, números", () => {
  const contas = {};
  contar(contas, "a");
  contar(contas, "a");
  assertEquals(contas, { a: 2 });
  const texto = textoDasMetricas([
    ["n_total", "Um\\dois\ntrês.", 1e21],
    ["g", "G.", [[{ r: 'a"\\\n', s: "é" }, -0.5]]],
    ["vazia", "Nada.", []],
    ["ausente", "Nada.", undefined],
    ["inf", "I.", [[{}, Infinity], [{ a: "" }, NaN]]],
  ]);
  assertEquals(
    texto,
    "# HELP n_total Um\\\\dois\\ntrês.\n# TYPE n_total counter\nn_total 1e+21\n" +
      '# HELP g G.\n# TYPE g gauge\ng{r="a\\"\\\\\\n",s="é"} -0.5\n' +
      '# HELP inf I.\n# TYPE inf gauge\ninf +Inf\ninf{a=""} NaN\n',
  );
});

Deno.test("um histograma conta até cada limite, ele incluído, e acumula", () => {
  const tempos = abrirHistograma([1, 2]);
  for (const valor of [0, 1, 1.5, 2, 3]) observar(tempos, valor);
  const texto = textoDasMetricas([["t_seconds", "T.", [[{ de: "x" }, tempos]]]]);
  assertEquals(texto.split("\n").slice(2), [
    't_seconds_bucket{de="x",le="1"} 2',
    't_seconds_bucket{de="x",le="2"} 4',
    't_seconds_bucket{de="x",le="+Inf"} 5',
    't_seconds_sum{de="x"} 7.5',
    't_seconds_count{de="x"} 5',
    "",
  ]);
});
