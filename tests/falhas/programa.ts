/**
 * A bancada de falhas: três servidores em processos de verdade, clientes
 * concorrentes que anotam tudo, mortes, recomeços e pausas de qualquer servidor, e entre
 * os servidores um retransmissor TCP que atrasa, corta, emudece, pica, estrangula e engole.
 * Com `--etcd`, o mesmo sobre três pontes e três membros do etcd. Com `--disco`, também discos que deixam de gravar; com `--pastas`, pastas de dados
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
import { SEM_ETCD } from "../apoio/etcd.ts";
import { type Argumentos, inteiroEntre, lerOpcao } from "../../lib/opcoes.ts";
import { correr } from "./corrida.ts";
import { resumir } from "./plano.ts";
import { correrSobreEtcd } from "./sobre_etcd.ts";
import { gravarHistoria } from "./verificador.ts";

/** @throws {TypeError} se não há pastas para trocar. */
function lerPastas({ opcoes: { pastas, disco } }: Argumentos): boolean {
  if (pastas !== undefined && disco === undefined) throw new TypeError("--pastas pede --disco");
  return pastas !== undefined;
}

if (import.meta.main) {
  const { gravar, sobreEtcd, ...plano } = lerOpcoes(
    "falhas [--segundos=N] [--semente=N] [--disco [--pastas] | --etcd] [--gravar=ARQUIVO]",
    { textos: ["segundos", "semente", "gravar"], sinais: ["disco", "pastas", "etcd"] },
    (lidos) => ({
      sobreEtcd: lidos.opcoes.etcd !== undefined,
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
  if (sobreEtcd && SEM_ETCD) {
    escrever("Falta o etcd (no Debian: apt install etcd-server)");
    Deno.exit(2);
  }
  const relatorio = sobreEtcd ? await correrSobreEtcd(plano) : await correr(plano);
  escrever(resumir(plano, relatorio, sobreEtcd ? "sobre o etcd" : undefined));
  if ("confirmadosSemUm" in relatorio) {
    escrever(`${relatorio.confirmadosSemUm} PUTs confirmados com um membro morto`);
  }
  if (gravar) Deno.writeTextFileSync(gravar, gravarHistoria(relatorio.historia));
  Deno.exit(relatorio.quebras.length === 0 ? 0 : 1);
}
