/**
 * O que `--saude` custa a um cliente: pares alternados de três servidores sem ela, e de três com
 * ela e alguém que lhes pede `/metrics` quatro vezes por segundo (o Prometheus o faz a cada
 * quinze). 64 operários em três conexões, na mesma corrida.
 *
 * ```sh
 * deno task bench:saude --pares=4
 * ```
 *
 * @module
 */

import { inteiroEntre, lerOpcao } from "../lib/opcoes.ts";
import { lerOpcoes, naoDeixarProgramas, portasLivres } from "../tests/apoio.ts";
import { type Ligacao, medir, type Operador } from "./carga.ts";
import { este } from "./nossos.ts";

const OPERARIOS = 64;
const KEYS = 1_000;
const VALUE = "x".repeat(100);
const RECOLHA_MS = 250;
const TEMPOS = { ms: 2_000, aquecer: 300 };

const escrever = (texto: string) => Deno.stdout.writeSync(new TextEncoder().encode(texto + "\n"));

let pedidos = 0;
const CARGAS: { readonly [nome: string]: (operador: Operador) => Promise<unknown> } = {
  PUT: (operador) => operador.put(`k${pedidos++ % KEYS}`, VALUE),
  GET: (operador) => operador.get(`k${pedidos++ % KEYS}`),
};

/** Recolhe as métricas até que se diga; devolve quantas recolhas houve, e quanto levou cada uma. */
function recolher(saudes: readonly number[]) {
  let parado = false;
  const demoras: number[] = [];
  const fim = (async () => {
    while (!parado) {
      for (const porta of saudes) {
        const inicio = performance.now();
        const resposta = await fetch(`http://127.0.0.1:${porta}/metrics`);
        if (!(await resposta.text()).includes("kv_timestamp")) throw new Error("sem métricas");
        demoras.push(performance.now() - inicio);
      }
      await new Promise((resolver) => setTimeout(resolver, RECOLHA_MS));
    }
  })();
  return async () => {
    parado = true;
    await fim;
    return demoras;
  };
}

if (import.meta.main) {
  const pares = lerOpcoes(
    "bench:saude [--pares=N]",
    { textos: ["pares"], sinais: [] },
    (lidos) => lerOpcao(lidos, "pares", inteiroEntre(1, 100)) ?? 4,
  );
  naoDeixarProgramas();
  const pasta = await Deno.makeTempDir({ prefix: "kv-saude-" });
  const saudes = portasLivres(3);
  for (const nome of ["sem", "com"]) await Deno.mkdir(`${pasta}/${nome}`);
  {
    await using sem = await este(true).iniciar(`${pasta}/sem`, false);
    await using com = await este(true, saudes).iniciar(`${pasta}/com`, false);
    await using semLigacao = await sem.ligar(OPERARIOS, true);
    await using comLigacao = await com.ligar(OPERARIOS, true);
    const correr = async (grupo: typeof sem, { operadores }: Ligacao, carga: string) =>
      await medir(operadores, CARGAS[carga]!, grupo, TEMPOS);
    for (const carga of Object.keys(CARGAS)) {
      for (let par = 0; par < pares; par++) {
        const um = await correr(sem, semLigacao, carga);
        const parar = recolher(saudes);
        const outro = await correr(com, comLigacao, carga);
        const demoras = (await parar()).sort((a, b) => a - b);
        const razao = (campo: "porSegundo" | "p99" | "cpuDosNos") =>
          (outro[campo] / um[campo]).toFixed(2);
        escrever(
          `${carga}: ${Math.round(um.porSegundo)}/s sem; com --saude ${
            razao("porSegundo")
          } vezes, ` +
            `p99 ${razao("p99")}, processador ${razao("cpuDosNos")}; ` +
            `${demoras.length} recolhas, mediana ${demoras[demoras.length >> 1]!.toFixed(1)} ms`,
        );
      }
    }
  }
  await Deno.remove(pasta, { recursive: true });
}
