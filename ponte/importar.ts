/**
 * Leva uma pasta de dados para o etcd: cada key com o seu value, por ordem de timestamp. Só grava
 * as que o etcd ainda não tem: por isso, interrompido, recomeça de onde ia, e o que entretanto se
 * escreveu lá não é tocado.
 *
 * ```ts ignore
 * const { levadas, havia } = await importar("dados", abrirEtcd({ url, prefixo: "kv/" }), console.log);
 * ```
 *
 * @module
 */

import { abrirDisco, type Linha } from "../lib/disco.ts";
import { abrirRelato } from "../lib/relato.ts";
import { DE_VERDADE } from "../lib/tempo.ts";
import { citar } from "../lib/texto.ts";
import type { Etcd } from "./etcd.ts";

/** Keys de uma transação, e caracteres: metade do que o etcd aceita num pedido, em base64. */
const PAGINA = { keys: 128, caracteres: 256 * 1024 } as const;

/** Quanto se espera por uma transação, em milissegundos. */
const PRAZO_MS = 10_000;

/** O que se levou. */
export interface Importadas {
  readonly levadas: number;
  /** As que o etcd já tinha, e ficaram como estavam. */
  readonly havia: number;
}

/**
 * Leva a pasta de um servidor parado.
 *
 * @param dizer Recebe, de segundo em segundo, o que está feito; e no fim, o que se fez.
 * @throws {Error} se a pasta não existe, está em uso ou danificada, ou o etcd falha: o que já se
 * levou fica, e chamar de novo continua.
 */
export async function importar(
  pasta: string,
  etcd: Etcd,
  dizer: (linha: string) => void,
): Promise<Importadas> {
  try {
    await Deno.stat(`${pasta}/tabela.sqlite`);
  } catch {
    throw new Error(`não há uma tabela em ${citar(pasta)}`);
  }
  const disco = await abrirDisco(pasta, { aoGravar: () => {}, aoFalhar: () => {} });
  try {
    const total = disco.contar();
    const relatar = abrirRelato("Importando", DE_VERDADE, dizer);
    let [levadas, feitas] = [0, 0];
    for (const pagina of paginas((quantas) => disco.ler(quantas))) {
      levadas += await levar(pagina, etcd);
      feitas += pagina.length;
      relatar(pagina.length, feitas / total);
    }
    const havia = total - levadas;
    dizer(`Importadas ${levadas} de ${total} keys` + (havia > 0 ? `; ${havia} já lá estavam` : ""));
    return { levadas, havia };
  } finally {
    disco.fechar();
  }
}

/** As linhas, juntas as que cabem numa transação. */
function* paginas(ler: (quantas: number) => Linha[]): Generator<Linha[]> {
  let pagina: Linha[] = [];
  let caracteres = 0;
  for (let lidas; (lidas = ler(PAGINA.keys)).length > 0;) {
    for (const linha of lidas) {
      const tamanho = linha.key.length + linha.value.length;
      const cheia = pagina.length === PAGINA.keys || caracteres + tamanho > PAGINA.caracteres;
      if (cheia && pagina.length > 0) {
        yield pagina;
        pagina = [];
        caracteres = 0;
      }
      pagina.push(linha);
      caracteres += tamanho;
    }
  }
  if (pagina.length > 0) yield pagina;
}

/** Leva as que faltam de uma página; devolve quantas. */
async function levar(pagina: readonly Linha[], etcd: Etcd): Promise<number> {
  for (;;) {
    const { versoes } = await etcd.ler(pagina.map(({ key }) => key), PRAZO_MS);
    const faltam = pagina.filter((_, n) => versoes[n] === undefined);
    if (faltam.length === 0) return 0;
    // Se alguém escreveu uma delas entretanto, vê-se de novo quais faltam.
    if (await etcd.gravarSeFaltam(faltam, PRAZO_MS)) return faltam.length;
  }
}
