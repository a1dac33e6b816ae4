/**
 * Quanto do piso fica quando ele tem a forma deste programa: três processos em vez de um, e cada
 * pedido a um deles, ao acaso? As linhas de uma volta repartem-se por três conexões, e cada escrita
 * leva um terço delas. É o limite dos GETs, seja qual for o código de cada servidor.
 *
 * ```sh
 * deno task bench:limites
 * ```
 *
 * @module
 */

import { inteiroEntre, lerOpcao } from "../lib/opcoes.ts";
import { lerOpcoes } from "../tests/apoio.ts";
import { fazerValue, type Ligacao, medir, type Operador } from "./carga.ts";
import { PISO } from "./nossos.ts";

const OPERARIOS = 64;
const KEYS = 1000;
const TEMPOS = { ms: 1_000, aquecer: 300 };
const FORMAS = ["poucas", "uma por operário"] as const;

const escrever = (texto: string) => Deno.stdout.writeSync(new TextEncoder().encode(texto + "\n"));
const sortear = (n: number) => Math.floor(Math.random() * n);
const mediana = (valores: number[]) => valores.sort((a, b) => a - b)[valores.length >> 1]!;

if (import.meta.main) {
  const pares = lerOpcoes(
    "bench:limites [--pares=N]",
    { textos: ["pares"], sinais: [] },
    (lidos) => lerOpcao(lidos, "pares", inteiroEntre(1, 100)) ?? 7,
  );
  const pastas = await Promise.all([1, 2, 3].map(() => Deno.makeTempDir({ prefix: "bench-" })));
  {
    await using um = await PISO.iniciar(pastas[0]!, false);
    await using dois = await PISO.iniciar(pastas[1]!, false);
    await using tres = await PISO.iniciar(pastas[2]!, false);
    const grupos = [um, dois, tres];
    const todos = { processos: grupos.flatMap(({ processos }) => processos) };
    for (const grupo of grupos) {
      await using ligacao = await grupo.ligar(1, true);
      for (let n = 0; n < KEYS; n++) await ligacao.operadores[0]!.put(`key${n}`, fazerValue(100));
    }
    const get = (operador: Operador) => operador.get(`key${sortear(KEYS)}`);
    for (const forma of FORMAS) {
      const poucas = forma === "poucas";
      const razoes: number[] = [];
      for (let n = 0; n < pares; n++) {
        await using sozinho = await um.ligar(OPERARIOS, poucas);
        const ligacoes: Ligacao[] = await Promise.all(
          grupos.map((grupo) => grupo.ligar(OPERARIOS, poucas)),
        );
        // Poucas: cada pedido a um dos três; senão, cada operário tem o seu.
        const operadores = Array.from({ length: OPERARIOS }, (_, op): Operador => {
          const de = (qual: number) => ligacoes[qual]!.operadores[op]!;
          return {
            put: (key, value) => de(poucas ? sortear(3) : op % 3).put(key, value),
            get: (key) => de(poucas ? sortear(3) : op % 3).get(key),
          };
        });
        const a = await medir(sozinho.operadores, get, um, TEMPOS);
        const b = await medir(operadores, get, todos, TEMPOS);
        razoes.push(b.porSegundo / a.porSegundo);
        for (const ligacao of ligacoes) await ligacao[Symbol.asyncDispose]();
      }
      escrever(
        `GET C=${OPERARIOS}, ${forma}: três pisos, ${mediana(razoes).toFixed(2)} vezes um só ` +
          `(${pares} pares, de ${razoes[0]!.toFixed(2)} a ${razoes.at(-1)!.toFixed(2)})`,
      );
    }
  }
  for (const pasta of pastas) await Deno.remove(pasta, { recursive: true });
}
