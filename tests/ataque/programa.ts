/**
 * A bancada de ataque: três servidores em processos de verdade, um cliente normal
 * a trabalhar (noutra thread), e quem lhes mande de tudo: entradas ao acaso, de
 * `fast-check` com semente; conexões lentas, gulosas, e muitas.
 *
 * ```sh
 * deno task ataque --entradas=100000 --semente=42 --segundos=10
 * ```
 *
 * De cada sessão sabe-se, por um segundo leitor do protocolo escrito aqui, quantas
 * respostas cabem a cada id e de que tipo; de cada key, que valores pode ter.
 *
 * @module
 */

import { lerOpcoes, naoDeixarProgramas } from "../apoio.ts";
import { inteiroEntre, lerOpcao } from "../../lib/opcoes.ts";
import { codificador } from "./comum.ts";
import { correr } from "./corrida.ts";
import { resumir } from "./relatorio.ts";

if (import.meta.main) {
  const plano = lerOpcoes(
    "ataque [--entradas=N] [--semente=N] [--segundos=N] [--silencioso] [--guardar=PASTA]",
    { textos: ["entradas", "semente", "segundos", "guardar"], sinais: ["silencioso"] },
    (lidos) => ({
      entradas: lerOpcao(lidos, "entradas", inteiroEntre(0, 100_000_000)) ?? 100_000,
      segundos: lerOpcao(lidos, "segundos", inteiroEntre(0, 1_000_000)) ?? 10,
      semente: lerOpcao(lidos, "semente", inteiroEntre(0, 2 ** 31 - 1)) ??
        Math.floor(Math.random() * 2 ** 31),
      silencioso: lidos.opcoes.silencioso !== undefined,
      guardar: lidos.opcoes.guardar,
    }),
  );
  naoDeixarProgramas();
  const mostrar = (texto: string) => Deno.stdout.writeSync(codificador.encode(texto + "\n"));
  mostrar(`semente ${plano.semente}`);
  const relatorio = await correr(plano);
  mostrar(resumir(plano, relatorio));
  Deno.exit(relatorio.quebras.length + relatorio.excessos.length === 0 ? 0 : 1);
}
