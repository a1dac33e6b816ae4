/**
 * A bancada de falhas: três servidores em processos de verdade, clientes
 * concorrentes que anotam tudo, mortes, recomeços e pausas de qualquer servidor, e entre
 * os servidores um retransmissor TCP que atrasa, corta, emudece, pica, estrangula e engole.
 * Com `--disco`, também discos que deixam de gravar; com `--pastas`, pastas de dados
 * restauradas, esvaziadas e trocadas. O plano vem de uma semente, que é mostrada e pode ser
 * dada de novo: as falhas são as mesmas, na mesma ordem, embora não nos mesmos instantes.
 *
 * ```sh
 * deno task falhas --segundos=600 --semente=42 --disco
 * ```
 *
 * @module
 */

import { lerOpcoes, naoDeixarProgramas } from "../apoio.ts";
import { type Argumentos, inteiroEntre, lerOpcao } from "../../lib/opcoes.ts";
import { correr } from "./corrida.ts";
import { resumir } from "./plano.ts";
import { gravarHistoria } from "./verificador.ts";

/** @throws {TypeError} se não há pastas para trocar. */
function lerPastas({ opcoes: { pastas, disco } }: Argumentos): boolean {
  if (pastas !== undefined && disco === undefined) throw new TypeError("--pastas pede --disco");
  return pastas !== undefined;
}

if (import.meta.main) {
  const { gravar, ...plano } = lerOpcoes(
    "falhas [--segundos=N] [--semente=N] [--disco [--pastas]] [--gravar=ARQUIVO]",
    { textos: ["segundos", "semente", "gravar"], sinais: ["disco", "pastas"] },
    (lidos) => ({
      segundos: lerOpcao(lidos, "segundos", inteiroEntre(1, 1_000_000)) ?? 60,
      semente: lerOpcao(lidos, "semente", inteiroEntre(0, 2 ** 32 - 1)) ??
        Math.floor(Math.random() * 2 ** 32),
      emDisco: lidos.opcoes.disco !== undefined,
      pastas: lerPastas(lidos),
      gravar: lerOpcao(lidos, "gravar", (arquivo) => {
        Deno.openSync(arquivo, { write: true, create: true }).close();
        return arquivo;
      }),
    }),
  );
  naoDeixarProgramas();
  const escrever = (texto: string) => Deno.stdout.writeSync(new TextEncoder().encode(texto + "\n"));
  escrever(`semente ${plano.semente}`);
  const relatorio = await correr(plano);
  escrever(resumir(plano, relatorio));
  if (gravar) Deno.writeTextFileSync(gravar, gravarHistoria(relatorio.historia));
  Deno.exit(relatorio.quebras.length === 0 ? 0 : 1);
}
