/**
 * As pastas de dados dos servidores da bancada, e as cópias com que se trocam.
 *
 * @module
 */

import type { Troca } from "./plano.ts";

/** Cópias que se guardam da pasta de cada servidor; uma nova toma o lugar da mais velha. */
const COPIAS_MAX = 3;

/** As pastas de três servidores, debaixo de uma raiz. */
export interface Pastas {
  /** A pasta de um servidor. */
  de(servidor: number): string;
  /** Copia a pasta de um servidor morto, como está. */
  guardar(servidor: number): Promise<void>;
  /**
   * Tira a pasta de um servidor morto, e põe no seu lugar uma cópia mais velha sua, a que se
   * lhe tirou da última vez, a de outro, ou nada; nada também se ainda não a há. Devolve o
   * que pôs.
   */
  trocar(servidor: number, por: Troca, copia: number): Promise<Troca>;
}

/** Abre as pastas, ainda por criar. */
export function abrirPastas(raiz: string): Pastas {
  /** Quantas cópias se fizeram da pasta de cada um. */
  const feitas = [0, 0, 0];
  /** Se a cada um já se tirou uma pasta. */
  const tirou = [false, false, false];
  const de = (servidor: number) => `${raiz}/${servidor}`;
  const daCopia = (servidor: number, n: number) => `${raiz}/copias/${servidor}.${n % COPIAS_MAX}`;
  const daTirada = (servidor: number) => `${raiz}/copias/${servidor}.tirada`;

  async function guardar(servidor: number): Promise<void> {
    const copia = daCopia(servidor, feitas[servidor]!++);
    await apagar(copia);
    await copiar(de(servidor), copia);
  }

  /** Uma das cópias que há da pasta de um servidor. */
  function escolher(servidor: number, copia: number): string | undefined {
    const quantas = Math.min(feitas[servidor]!, COPIAS_MAX);
    return quantas > 0 ? daCopia(servidor, copia % quantas) : undefined;
  }

  /** De onde vem o que se vai pôr no lugar de uma pasta; `undefined`, de lado nenhum. */
  function origem(servidor: number, por: Troca, copia: number): string | undefined {
    if (por === "antiga") return escolher(servidor, copia);
    if (por === "alheia") return escolher((servidor + 1 + copia % 2) % 3, copia);
    return por === "tirada" && tirou[servidor] ? daTirada(servidor) : undefined;
  }

  async function trocar(servidor: number, por: Troca, copia: number): Promise<Troca> {
    const escolhida = origem(servidor, por, copia);
    const nova = `${raiz}/nova`;
    // Antes de guardar a que está, que pode tomar o lugar da escolhida.
    if (escolhida) await copiar(escolhida, nova);
    await guardar(servidor);
    await apagar(daTirada(servidor));
    await Deno.rename(de(servidor), daTirada(servidor));
    tirou[servidor] = true;
    if (!escolhida) return "vazia";
    await Deno.rename(nova, de(servidor));
    return por;
  }

  return { de, guardar, trocar };
}

async function apagar(pasta: string): Promise<void> {
  await Deno.remove(pasta, { recursive: true }).catch(() => {});
}

async function copiar(de: string, para: string): Promise<void> {
  await Deno.mkdir(para, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(de)) {
    if (isDirectory) await copiar(`${de}/${name}`, `${para}/${name}`);
    else await Deno.copyFile(`${de}/${name}`, `${para}/${name}`);
  }
}
